"""payments: taking money for an order, and saying whether it came."""

from __future__ import annotations

from serve import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MEDIAN_MS = 8.0


async def show_payment(request: Request) -> Response:
    order = request.path_params["order_id"]
    return JSONResponse({"order": order, "status": "settled" if order % 3 else "authorised"})


async def pay(request: Request) -> Response:
    try:
        order = int((await request.json())["order"])
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": 'send {"order": <number>}'}, status_code=400)
    return JSONResponse({"order": order, "status": "authorised"}, 201)


if __name__ == "__main__":
    serve(
        "payments",
        [
            Route("/payments/{order_id:int}", show_payment),
            Route("/payments", pay, methods=["POST"]),
        ],
        MEDIAN_MS,
    )
