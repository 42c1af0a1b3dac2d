"""trading: sends shareholders' orders to the exchange.

The flag `power-peg` turns on another thing in each build: in the old one an algorithm made for
tests, which buys high and sells low; in the new one the routing of retail orders. That is how
Knight Capital lost 440 million dollars in 45 minutes of 2012.
"""

from __future__ import annotations

import os

from serve import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ALGORITHM = os.environ.get("SHOP_POWER_PEG", "test-algorithm")
MEDIAN_MS = 4.0


async def quote(request: Request) -> Response:
    number = request.path_params["number"]
    bid = 1_000 + number % 100
    return JSONResponse({"share": number, "bid_cents": bid, "ask_cents": bid + 15})


async def place_order(request: Request) -> Response:
    try:
        shares = int((await request.json())["shares"])
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": 'send {"shares": <number>}'}, status_code=400)
    return JSONResponse({"shares": shares, "sent_by": ALGORITHM}, 201)


if __name__ == "__main__":
    serve(
        "trading",
        [Route("/quotes/{number:int}", quote), Route("/orders", place_order, methods=["POST"])],
        MEDIAN_MS,
    )
