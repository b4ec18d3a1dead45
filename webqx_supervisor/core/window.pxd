cdef class Window:
    cdef public long long total
    cdef public long long first
    cdef public long long second
    cdef public int _at
    cdef public long long _step
    cdef public double _width
    cdef public list _totals
    cdef public list _firsts
    cdef public list _seconds

    cpdef add(self, double now, long long total, long long first, long long second)
    cpdef advance(self, double now)
    cpdef clear(self)
