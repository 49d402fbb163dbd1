from nas.report.picks import pick_reader


def test_place_in_a_list_becomes_the_option():
    read = pick_reader("hxnet")
    found = read({"first_channels_place": 7, "blocks": 2, "mix": "cross", "of_old": 4})
    assert dict(found) == {"first_channels": 21, "blocks": 2, "mix": "cross", "of_old": 4}


def test_place_of_another_version_of_the_space_stays():
    assert dict(pick_reader("hxnet")({"first_channels_place": 99})) == {"first_channels_place": 99}


def test_space_of_a_stranger_is_not_run(tmp_path):
    space = tmp_path / "evil.py"
    space.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert dict(pick_reader(str(space))({"a": 1})) == {"a": 1}
    assert not (tmp_path / "ran").exists()
