cdef class ChunkedDecoder:
    cdef public object _expect
    cdef public long long _extensions
    cdef public bytes _held
    cdef public long long _left
    cdef public long long _trailer
    cdef public bint done
    cdef public bytes rest

    cpdef bytes receive(self, bytes data)
    cpdef Py_ssize_t _take_line(self, bytes buffer, Py_ssize_t at) except -2
    cpdef _take_payload_end(self, bytes line)
    cpdef _take_size(self, bytes line)
    cpdef _take_trailer(self, bytes line)

cpdef bytes encode_chunk(bytes data)
