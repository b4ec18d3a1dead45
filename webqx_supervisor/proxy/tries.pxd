from webqx_supervisor.core.budget cimport Budget
from webqx_supervisor.net.reactor cimport Reactor
from webqx_supervisor.proxy.exchange cimport Exchange

cdef class Tries:
    cdef public int _attempts
    cdef public double _began
    cdef public Budget _budget
    cdef public Exchange _exchange
    cdef public object _policy
    cdef public Reactor _reactor

    cpdef bint instead_of(self, int status)
    cpdef bint _may_repeat(self)
    cpdef bint _pay(self)
