cimport cython

from webqx_supervisor.net.rates cimport Account, Accounts, Rates

from webqx_supervisor.proxy.exchange cimport Exchange

cdef class LimitsFilter:
    cdef public list _limits
    cdef public bint _by_address
    cdef public bytes _policy
    cdef public Rates _rates
    cdef public dict _known
    cdef public double _quiet_until

    @cython.locals(accounts=Accounts, rates=Rates, tightest=Account, wait=cython.longlong,
                   lines=bytes)
    cpdef ask(self, Exchange exchange)
    cpdef Rates _begin(self, Exchange exchange)
