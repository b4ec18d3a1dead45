cpdef Py_ssize_t find_end(buffer, Py_ssize_t start) except? -1
cpdef long long scan_length(bytes value) except? -1
cpdef tuple scan_request(bytes head)
cpdef tuple scan_response(bytes head)
