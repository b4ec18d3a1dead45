from webqx_supervisor.net.channel cimport Channel

cdef class Pipe:
    cdef public int _read
    cdef public int _write
    cdef public long long held

    cpdef long long fill(self, Channel source, long long limit=*)
    cpdef long long spill(self, Channel sink)
    cpdef give_back(self)
    cpdef close(self)

cpdef Pipe open_pipe()
