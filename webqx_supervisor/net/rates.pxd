cimport cython

from webqx_supervisor.core.ratelimit cimport Quota
from webqx_supervisor.net.calls cimport lock, unlock

cdef class Account:
    cdef public Quota quota
    cdef public int stripe
    cdef public long long bucket
    cdef public long long tag
    cdef public long long at
    cdef public long long due

cdef class Accounts:
    cdef public list all
    cdef public list stripes
    cdef public Account tightest
    cdef public long long now
    cdef public long long hold

cdef class Rates:
    cdef public int fd
    cdef public bint crowded
    cdef public bytes secret
    cdef public object _clock
    cdef public object _map
    cdef long long[::1] _words

    cpdef Account account(self, Quota quota, bytes name, bytes client)
    @cython.locals(stripe=int)
    cpdef long long take(self, Accounts accounts)

    @cython.locals(account=Account, now=cython.longlong, wait=cython.longlong,
                   lacks=cython.longlong, at=cython.longlong)
    cpdef long long _take(self, Accounts accounts)

    @cython.locals(account=Account, quota=Quota, least=cython.longlong, left=cython.longlong,
                   at=cython.longlong)
    cpdef _write(self, Accounts accounts, long long now)

    @cython.locals(at=cython.longlong, tag=cython.longlong)
    cpdef long long _find(self, Account account)

    @cython.locals(at=cython.longlong, soonest=cython.longlong)
    cpdef long long _clear_place(self, Account account, long long now)
