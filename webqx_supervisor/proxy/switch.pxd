from webqx_supervisor.core.wire.messages cimport ResponseHead
from webqx_supervisor.core.wire.writer cimport render_response
from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.proxy.exchange cimport Exchange
from webqx_supervisor.proxy.group cimport Group
from webqx_supervisor.proxy.tunnel cimport Tunnel
from webqx_supervisor.proxy.upstream cimport LiveUpstream

cdef class Switch:
    cdef public Channel _channel
    cdef public Exchange _exchange
    cdef public bytes _first
    cdef public object _forwarding
    cdef public str _service
    cdef public LiveUpstream _upstream
    cdef public Tunnel _tunnel

    cpdef begin(self, ResponseHead head, bytes ahead)
