cimport cython

cdef class Quota:
    cdef public long long burst
    cdef public long long capacity
    cdef public long long interval
    cdef public bint delays
    cdef public str label
    cdef public dict _known

    @cython.locals(ahead=cython.longlong, over=cython.longlong)
    cpdef long long lacks(self, long long due, long long now)
    cpdef long long taken(self, long long due, long long now)

    @cython.locals(ahead=cython.longlong, free=cython.longlong)
    cpdef long long left(self, long long due, long long now)

    @cython.locals(left=cython.longlong, reset=cython.longlong, known=bytes)
    cpdef bytes fields(self, long long due, long long now)

cpdef long long seconds(long long ns)
