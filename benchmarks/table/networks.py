"""Writes `networks.csv`: every network of the table with its decisions and its text form.

    python benchmarks/table/networks.py

A row a network: digest, name in the literature, the decisions of one pick that builds it (empty
where a decision is not there), parameters, multiply-accumulates at 640x360, and the network in the
text form that `nas.graph.parse_text` reads.
"""

from pathlib import Path

import pandas as pd
from space import space

from nas.graph import to_text
from nas.readers.cost import read_cost
from nas.zoo import zoo_names_by_digest

FILE = Path(__file__).parent / "networks.csv"


def main() -> None:
    """Writes it, in the order of digests."""
    published, rows = zoo_names_by_digest(), {}
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
                "network": to_text(graph, separator="; "),
            },
        )
    pd.DataFrame([rows[digest] for digest in sorted(rows)]).to_csv(FILE, index=False)
    print(f"{len(rows)} networks in {FILE}")


if __name__ == "__main__":
    main()
