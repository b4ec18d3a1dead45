cdef class RoundRobin:
    cdef public dict _turns
    cdef public long long _now
    cdef public long long _newcomer

    cpdef pick(self, available, double now=*, bytes key=*)
    cpdef _forget_all_but(self, available)
