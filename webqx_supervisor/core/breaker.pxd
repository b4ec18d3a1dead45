from webqx_supervisor.core.window cimport Window

cdef class Breaker:
    cdef public double badness
    cdef public bint ejected
    cdef public str reason
    cdef public double until
    cdef public object _chance
    cdef public double _closed_at
    cdef public long long _epoch
    cdef public int _good
    cdef public int _permits
    cdef public object _policy
    cdef public double _rest
    cdef public int _state
    cdef public Window _window

    cpdef long long enter(self)
    cpdef bint settle(self, long long ticket, double now, bint failed, bint slow)
    cpdef bint broke(self, long long ticket, double now)
    cpdef bint forget(self, long long ticket)
    cpdef bint _judge(self, double now)
