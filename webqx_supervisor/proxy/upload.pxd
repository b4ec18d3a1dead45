from webqx_supervisor.net.pace cimport Pace
from webqx_supervisor.proxy.gateway cimport Client

cdef class Upload:
    cdef public bint finished
    cdef public bint replayable
    cdef public bytes kept
    cdef public Client _client
    cdef public long long _length
    cdef public long long _most
    cdef public object _decoder
    cdef public long long _left
    cdef public Pace _pace
    cdef public long long _payload

    cpdef bound(self, long long most)
    cpdef long long received(self)
    cpdef bytes _take(self, bytes data)
    cpdef _forget(self)
