"""Writes `networks.csv`: every network of the table with its decisions and its text form.

    python benchmarks/table/networks.py

A row a network: digest, name in the literature, the decisions of one pick that builds it (empty
where a decision is not there), parameters, multiply-accumulates at 640x360, milliseconds that this
version's models predict for `DEVICES`, and the network in the text form that
`nas.graph.parse_text` reads.
"""

from pathlib import Path

import pandas as pd
from space import space

from nas.graph import to_text
from nas.latency.devices import load_device
from nas.readers.cost import read_cost
from nas.zoo import zoo_names_by_digest

DEVICES = ("synaptics-vs680", "mali-g71-mp2", "ethos-u65", "host-cpu")
FILE = Path(__file__).parent / "networks.csv"


def main() -> None:
    """Writes it, in the order of digests."""
    published, rows = zoo_names_by_digest(), {}
    models = {name: load_device(name).model for name in DEVICES}
    for pick in space.picks():
        graph = space.graph(pick, scale=3)
        cost = read_cost(graph)
        rows.setdefault(
            graph.digest,
            {
                "digest": graph.digest,
                "published": published.get(graph.digest, ""),
                **{choice.name: pick.get(choice.name, "") for choice in space.choices},
                "parameters": cost.parameters,
                "macs": cost.macs,
                **{
                    f"{name}_ms": round(model.predict(graph).latency_ms, 3)
                    for name, model in models.items()
                },
                "network": to_text(graph, separator="; "),
            },
        )
    pd.DataFrame([rows[digest] for digest in sorted(rows)]).to_csv(FILE, index=False)
    print(f"{len(rows)} networks in {FILE}")


if __name__ == "__main__":
    main()
