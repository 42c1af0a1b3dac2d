"""checkout: what a cart costs, and turning it into an order."""

from __future__ import annotations

from serve import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SHIPPING_CENTS = 490
MEDIAN_MS = 25.0
# Well above what a busy machine of two cores adds, or a tripled p99 would drown in that.


async def cart_total(request: Request) -> Response:
    cart = request.path_params["cart_id"]
    goods = 1_000 + cart * 37 % 9_000
    return JSONResponse(
        {
            "cart": cart,
            "currency": "EUR",
            "goods_cents": goods,
            "shipping_cents": SHIPPING_CENTS,
            "total_cents": goods + SHIPPING_CENTS,
        }
    )


async def place_order(request: Request) -> Response:
    try:
        cart = int((await request.json())["cart"])
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": 'send {"cart": <number>}'}, status_code=400)
    return JSONResponse({"order": cart * 100 + 1, "cart": cart, "status": "placed"}, 201)


if __name__ == "__main__":
    serve(
        "checkout",
        [
            Route("/cart/{cart_id:int}/total", cart_total),
            Route("/orders", place_order, methods=["POST"]),
        ],
        MEDIAN_MS,
    )
