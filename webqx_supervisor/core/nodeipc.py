"""How Node's child_process.fork() speaks to its child: where the channel is, and two messages."""

NUMBER = 9
"""The descriptor as the child sees it. Node keeps those up to 15 from its own children; those from
3 up may be wanted by others."""
ENVIRONMENT = (("NODE_CHANNEL_FD", str(NUMBER)), ("NODE_CHANNEL_SERIALIZATION_MODE", "json"))
READY, SHUTDOWN = b'"ready"', b'"shutdown"'
