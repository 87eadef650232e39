"""Makes the example data: a small shop whose files have the mess that real files have.

    python examples/make_data.py [FOLDER]

Seeded: the same code writes the same bytes. `orders.csv` is the messy one (near-duplicate categories, sentinels,
outliers, ragged rows, two ways to write a date, repeated ids, e-mail addresses), `events.jsonl` has keys that come and
go and a type that changes, `customers.parquet` is typed and tidy, but for codes with leading zeros and a column that
says nothing.
"""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

SEED = 20240229
ORDERS, CUSTOMERS, EVENTS = 420, 150, 300

FIRST = "Ada Bruno Chloé Dmitri Elena Farid Greta Hugo Ines Jonas Kaori Luis Mei Nadia Olu Petra Rosa Tomás".split()
LAST = "Álvarez Bauer Costa Dubois Eriksen Fischer García Hansen Ito Jensen Lopez Meyer Novak Okafor Rossi".split()
CITIES = ["Berlin", "Lyon", "Porto", "Kraków", "Aarhus", "Torino", "Graz", "Gent"]
STATUSES = ["shipped", "shipped", "shipped", "pending", "returned", "cancelled"]
# How people write a status when nobody stops them.
SLIPS = {"shipped": ["Shipped", "shiped", "SHIPPED "], "pending": ["Pending"], "cancelled": ["canceled"]}
CHANNELS = ["web", "web", "web", "app", "phone"]


def customers(rng: random.Random) -> list[dict[str, object]]:
    """Returns the customers: tidy, but for ZIP codes that begin with zeros and a constant column."""
    out = []
    for number in range(1, CUSTOMERS + 1):
        first, last = rng.choice(FIRST), rng.choice(LAST)
        ascii_name = f"{first}.{last}".lower().translate(str.maketrans("áéíóú", "aeiou"))
        out.append(
            {
                "customer_id": number,
                "name": f"{first} {last}",
                "email": f"{ascii_name}{number}@example.com",
                "city": rng.choice(CITIES),
                "zip": f"{rng.randrange(1000, 99999):05d}",
                "member_since": date(2018, 1, 1) + timedelta(days=rng.randrange(2200)),
                "newsletter": rng.random() < 0.4,
                "loyalty_points": None if rng.random() < 0.15 else int(rng.expovariate(1 / 400)),
                "tags": rng.sample(["vip", "b2b", "eu", "late-payer"], rng.randrange(3)),
                "source": "import-2024",
            }
        )
    return out


def orders(rng: random.Random, people: list[dict[str, object]]) -> str:
    """Returns orders.csv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [
        "order_id",
        "customer_id",
        "email",
        "order_date",
        "status",
        "channel",
        "amount",
        "quantity",
        "discount",
        "notes",
    ]
    writer.writerow(names)
    for number in range(1, ORDERS + 1):
        person = rng.choice(people)
        day = date(2024, 1, 1) + timedelta(days=rng.randrange(180))
        status = rng.choice(STATUSES)
        if status in SLIPS and rng.random() < 0.07:
            status = rng.choice(SLIPS[status])
        amount = f"{rng.lognormvariate(3.6, 0.6):.2f}"
        if number in (97, 311):
            amount = f"{rng.uniform(40_000, 90_000):.2f}"
        row: list[object] = [
            f"A{10_000 + (number if number not in (58, 202, 377) else number - 1)}",
            f"{person['customer_id']:04d}",
            person["email"] if rng.random() > 0.07 else rng.choice(["", "n/a", "-"]),
            f"{day:%m/%d/%Y}" if rng.random() < 0.06 else f"{day:%Y-%m-%d}",
            status,
            rng.choice(CHANNELS),
            amount,
            -999 if rng.random() < 0.015 else rng.randrange(1, 9),
            "" if rng.random() < 0.6 else f"{rng.choice([5, 10, 15, 20])}%",
            rng.choice(["", "", "", "gift", "call before delivery", 'said "urgent"', "leave at door, ring twice"]),
        ]
        if number in (120, 260):
            # A note with a comma that nobody quoted, and a row that was cut off.
            row[-1:] = ["fragile", " handle with care"]
        elif number == 333:
            row = row[:6]
        writer.writerow(row)
        if number in (150, 151):
            writer.writerow(row)
    return out.getvalue()


def events(rng: random.Random, people: list[dict[str, object]]) -> str:
    """Returns events.jsonl."""
    lines = []
    at = datetime(2024, 5, 1, 8, tzinfo=UTC)
    for number in range(1, EVENTS + 1):
        at += timedelta(seconds=rng.randrange(20, 900))
        kind = rng.choice(["page_view", "page_view", "search", "add_to_cart", "checkout"])
        zone = rng.choice(["Z", "Z", "Z", "Z", "+02:00"])
        event: dict[str, object] = {"event_id": number, "at": f"{at:%Y-%m-%dT%H:%M:%S}{zone}", "type": kind}
        event["customer_id"] = str(number) if number % 71 == 0 else rng.choice(people)["customer_id"]
        if kind == "search":
            event["query"] = rng.choice(["red shoes", "lamp", "garden chair", "tea"])
            event["results"] = rng.randrange(40)
        if kind in ("add_to_cart", "checkout"):
            event["cart"] = {"items": rng.randrange(1, 6), "total": round(rng.lognormvariate(3.4, 0.7), 2)}
        event["ip"] = f"192.0.2.{rng.randrange(1, 255)}"
        lines.append(json.dumps(event, ensure_ascii=False))
    return "\n".join(lines) + "\n"


def write(folder: Path) -> None:
    """Writes the three files.

    Args:
        folder: is created when it is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)  # noqa: S311
    people = customers(rng)
    (folder / "orders.csv").write_text(orders(rng, people), encoding="utf-8", newline="")
    (folder / "events.jsonl").write_text(events(rng, people), encoding="utf-8", newline="")
    pq.write_table(pa.Table.from_pylist(people), folder / "customers.parquet")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data")
