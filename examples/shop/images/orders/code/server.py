"""orders: what became of what was bought. The one service of the shop with a database."""

from __future__ import annotations

from serve import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from store import Orders

MEDIAN_MS = 10.0


def routes(orders: Orders) -> list[Route]:
    async def read(request: Request) -> Response:
        number = request.path_params["number"]
        status = await orders.status_of(number)
        if status is None:
            return JSONResponse({"error": f"no order {number}"}, status_code=404)
        return JSONResponse({"order": number, "status": status})

    async def place(request: Request) -> Response:
        try:
            cart = int((await request.json())["cart"])
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'send {"cart": <number>}'}, status_code=400)
        return JSONResponse({"order": await orders.place(cart)}, 201)

    return [Route("/orders/{number:int}", read), Route("/orders", place, methods=["POST"])]


if __name__ == "__main__":
    serve("orders", routes(Orders.open()), MEDIAN_MS)
