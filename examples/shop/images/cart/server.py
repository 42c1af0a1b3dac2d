"""cart: what lies in a user's cart, and putting things into it."""

from __future__ import annotations

from serve import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

GOODS = ("lamp", "gauze", "wick", "oil", "brass polish")
MEDIAN_MS = 4.0


async def show_cart(request: Request) -> Response:
    cart = request.path_params["cart_id"]
    items = [{"sku": GOODS[(cart + n) % len(GOODS)], "quantity": n + 1} for n in range(cart % 4)]
    return JSONResponse({"cart": cart, "items": items})


async def add_item(request: Request) -> Response:
    try:
        sku = str((await request.json())["sku"])
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": 'send {"sku": <name>}'}, status_code=400)
    return JSONResponse({"cart": request.path_params["cart_id"], "added": sku}, 201)


if __name__ == "__main__":
    serve(
        "cart",
        [
            Route("/carts/{cart_id:int}", show_cart),
            Route("/carts/{cart_id:int}/items", add_item, methods=["POST"]),
        ],
        MEDIAN_MS,
    )
