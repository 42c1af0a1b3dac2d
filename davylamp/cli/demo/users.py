"""What the shop's users do: which service they ask for what, and how often."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

USERS = 4_000
WRITE_SHARE = 0.12


@dataclass(frozen=True)
class Ask:
    """One request a user is about to make."""

    service: str
    method: str
    path: str
    user: str
    body: bytes | None = None


@dataclass(frozen=True)
class Habit:
    """What users do with one service: `share` of all requests goes there."""

    service: str
    share: float
    read_path: str
    write_path: str
    write_key: str


HABITS = (
    Habit("checkout", 0.6, "/cart/{n}/total", "/orders", "cart"),
    Habit("cart", 0.25, "/carts/{n}", "/carts/{n}/items", "sku"),
    Habit("payments", 0.15, "/payments/{n}", "/payments", "order"),
)
"""checkout has the most, since the demonstration releases it."""

ORDERS = (Habit("orders", 1.0, "/orders/{n}", "/orders", "cart"),)
"""Everybody wants to know what became of what he bought."""

TRADING = (Habit("trading", 1.0, "/quotes/{n}", "/orders", "shares"),)
"""Everybody wants to know what shares cost, and some buy."""

CROWDS = {"shop": HABITS, "orders": ORDERS, "trading": TRADING}
"""Whom the load can send."""


def only(service: str) -> tuple[Habit]:
    """All users do what they do with checkout, at another service."""
    return (replace(HABITS[0], service=service, share=1.0),)


def next_ask(chance: random.Random, habits: Sequence[Habit] = HABITS) -> Ask:
    """A random user's next request: mostly reads, some writes."""
    habit = chance.choices(habits, [h.share for h in habits])[0]
    number = chance.randrange(1, USERS + 1)
    user = f"user-{number}"
    if chance.random() >= WRITE_SHARE:
        return Ask(habit.service, "GET", habit.read_path.format(n=number), user)
    body = json.dumps({habit.write_key: number}).encode()
    return Ask(habit.service, "POST", habit.write_path.format(n=number), user, body)
