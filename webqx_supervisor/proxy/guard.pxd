from webqx_supervisor.core.breaker cimport Breaker
from webqx_supervisor.net.reactor cimport Reactor

cdef class Pass

cdef class Guard:
    cdef public object policy
    cdef public Breaker _breaker
    cdef public object _changed
    cdef public object _moved
    cdef public bint _over
    cdef public Reactor _reactor
    cdef public double _slow_after
    cdef public object _statuses
    cdef public list _tickets
    cdef public str _upstream

    cpdef bint enter(self)
    cpdef Pass take(self)
    cpdef answered(self, long long ticket, int status, double asked_at)
    cpdef failed(self, long long ticket)
    cpdef broke(self, long long ticket)
    cpdef forget(self, long long ticket)

cdef class Pass:
    cdef public double asked_at
    cdef public bint kept
    cdef public Guard _guard
    cdef public bint _judged
    cdef public long long _ticket

    cpdef answered(self, int status=*)
    cpdef end(self)
