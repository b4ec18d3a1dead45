from webqx_supervisor.core.wire.framing cimport ChunkedDecoder
from webqx_supervisor.core.wire.messages cimport ResponseHead
from webqx_supervisor.core.wire.writer cimport render_response
from webqx_supervisor.net.channel cimport Channel
from webqx_supervisor.proxy.exchange cimport Exchange
from webqx_supervisor.proxy.silence cimport Silence

cdef class Answer:
    cdef public Exchange _exchange
    cdef public Channel _upstream
    cdef public ResponseHead _head
    cdef public bytes _ahead
    cdef public ChunkedDecoder _decoder
    cdef public double _seconds
    cdef public long long _framing
    cdef public Silence _silence

    cpdef bint _ended_as_announced(self)
    cpdef bytes _begin(self, bytes body, Py_ssize_t octets)

cpdef double patience(Exchange exchange, double seconds)
