cpdef tuple scan_request(bytes head)
cpdef tuple scan_response(bytes head)
