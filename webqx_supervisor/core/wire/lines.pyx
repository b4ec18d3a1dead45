# The same as lines.py, octet by octet: a name is compared at the beginning of each line only.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr

cdef enum:
    HT = 9
    LF = 10
    CR = 13
    SP = 32


cpdef list values(bytes head, bytes begin):
    cdef const char* at = PyBytes_AS_STRING(head)
    cdef const char* end = at + PyBytes_GET_SIZE(head)
    cdef const char* first
    cdef const char* last
    cdef list found = []
    while True:
        at = <const char*> memchr(at, LF, end - at)
        if at == NULL:
            return found
        at += 1
        if begins(at, end, begin):
            first = at + PyBytes_GET_SIZE(begin)
            last = <const char*> memchr(first, CR, end - first)
            if last == NULL:
                last = end
            at = last
            while first < last and (first[0] == SP or first[0] == HT):
                first += 1
            while last > first and (last[-1] == SP or last[-1] == HT):
                last -= 1
            found.append(PyBytes_FromStringAndSize(first, last - first))


cpdef bint begins_any(bytes lines, tuple begins_with) except -1:
    cdef const char* at = PyBytes_AS_STRING(lines)
    cdef const char* end = at + PyBytes_GET_SIZE(lines)
    while True:
        for each in begins_with:
            if begins(at, end, <bytes> each):
                return True
        at = <const char*> memchr(at, LF, end - at)
        if at == NULL:
            return False
        at += 1


cdef inline bint begins(const char* at, const char* end, bytes begin):
    """Say whether the octets begin so; `begin` is in lower case."""
    cdef const char* wanted = PyBytes_AS_STRING(begin)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(begin), index
    cdef unsigned char octet
    if end - at < size:
        return False
    for index in range(size):
        octet = at[index]
        if 65 <= octet <= 90:
            octet += 32
        if octet != <unsigned char> wanted[index]:
            return False
    return True
