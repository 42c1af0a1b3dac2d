"""The few messages of Envoy's runtime discovery, described by hand.

The package that has them all overwrites the Envoy wheel's own module. Only the fields used
here are named; protobuf skips the others.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, duration_pb2, message_factory, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool

RUNTIME_TYPE = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
RESOURCE_TYPE = "type.googleapis.com/envoy.service.discovery.v3.Resource"
STREAM_METHOD = "StreamRuntime"
STREAM_SERVICE = "envoy.service.runtime.v3.RuntimeDiscoveryService"

_Field = descriptor_pb2.FieldDescriptorProto
_ANY = ".google.protobuf.Any"
_DISCOVERY = "envoy.service.discovery.v3"
# message: (name, number, type or message, repeated)
_MESSAGES: dict[str, tuple[tuple[str, int, int | str, bool], ...]] = {
    "Refusal": (("code", 1, _Field.TYPE_INT32, False), ("message", 2, _Field.TYPE_STRING, False)),
    "DiscoveryRequest": (
        ("version_info", 1, _Field.TYPE_STRING, False),
        ("resource_names", 3, _Field.TYPE_STRING, True),
        ("type_url", 4, _Field.TYPE_STRING, False),
        ("response_nonce", 5, _Field.TYPE_STRING, False),
        ("error_detail", 6, f".{_DISCOVERY}.Refusal", False),
    ),
    "DiscoveryResponse": (
        ("version_info", 1, _Field.TYPE_STRING, False),
        ("resources", 2, _ANY, True),
        ("type_url", 4, _Field.TYPE_STRING, False),
        ("nonce", 5, _Field.TYPE_STRING, False),
    ),
    "Resource": (
        ("version", 1, _Field.TYPE_STRING, False),
        ("resource", 2, _ANY, False),
        ("name", 3, _Field.TYPE_STRING, False),
        ("ttl", 6, ".google.protobuf.Duration", False),
    ),
    "Runtime": (
        ("name", 1, _Field.TYPE_STRING, False),
        ("layer", 2, ".google.protobuf.Struct", False),
    ),
}


def _classes() -> dict[str, Any]:
    pool = DescriptorPool()
    known = (any_pb2, duration_pb2, struct_pb2)
    for module in known:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="davylamp/rtds.proto",
        package=_DISCOVERY,
        syntax="proto3",
        dependency=[module.DESCRIPTOR.name for module in known],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, kind
            else:
                added.type = kind  # pyright: ignore[reportAttributeAccessIssue]
    pool.AddSerializedFile(file.SerializeToString())
    found = {n: pool.FindMessageTypeByName(f"{_DISCOVERY}.{n}") for n in _MESSAGES}
    return {name: message_factory.GetMessageClass(kind) for name, kind in found.items()}


_CLASS = _classes()
DiscoveryRequest: Any = _CLASS["DiscoveryRequest"]
DiscoveryResponse: Any = _CLASS["DiscoveryResponse"]
_Resource: Any = _CLASS["Resource"]
_Runtime: Any = _CLASS["Runtime"]


def runtime_response(name: str, values: dict[str, Any], *, serial: int, ttl_seconds: float) -> Any:
    """A whole answer: one layer with `values`, which vanish after `ttl_seconds`.

    There is no answer without a time to live: one such would disarm the switch for good.
    """
    if not ttl_seconds > 0:
        raise ValueError(f"a time to live must be above 0 s, found {ttl_seconds}")
    runtime = _Runtime(name=name)
    runtime.layer.update(values)
    resource = _Resource(name=name, version=str(serial))
    resource.resource.type_url = RUNTIME_TYPE
    resource.resource.value = runtime.SerializeToString()
    resource.ttl.FromNanoseconds(max(1, int(ttl_seconds * 1000)) * 1_000_000)
    response = DiscoveryResponse(version_info=str(serial), type_url=RUNTIME_TYPE, nonce=str(serial))
    wrapped = response.resources.add()
    wrapped.type_url = RESOURCE_TYPE
    wrapped.value = resource.SerializeToString()
    return response
