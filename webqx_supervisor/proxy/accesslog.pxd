cimport cython

cdef class Record:
    cdef public double ended
    cdef public double began
    cdef public str client
    cdef public bytes method
    cdef public bytes target
    cdef public int status
    cdef public long long sent
    cdef public str upstream
    cdef public long long request
    cdef public int retries
    cdef public str reason
    cdef public str name
    cdef public object head
    cdef public object claims

cdef class AccessLog:
    cdef public object path
    cdef public bint wants_heads
    cdef public bint _enabled
    cdef public bint _thin
    cdef public double _share
    cdef public object _file
    cdef public object _folder
    cdef public object _format
    cdef public object _packer
    cdef public object _policy
    cdef public object _slow_file
    cdef public object _reactor
    cdef public object _wall_clock
    cdef public str mark
    cdef public double _offset
    cdef public list _records
    cdef public long long _requests
    cdef public bint _flusher_sleeps
    cdef public bint _failing

    cpdef long long next_request(self)
    cpdef str request_id(self, long long number)
    cpdef record(self, Record record)
    cpdef flush(self)
    @cython.locals(at=cython.longlong, took=cython.longlong)
    cpdef bytes _line(self, Record record)
