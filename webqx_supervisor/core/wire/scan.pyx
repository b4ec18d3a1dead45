# The same as scan.py, octet by octet: a head costs a tenth of what the patterns take for it.
#
# Each octet's kind is looked up in a table, each name in a hash table of those that mean something
# here. The octet behind a bytes object is 0, which is of no kind: no loop runs past the end.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.string cimport memchr, memcmp, memcpy

from webqx_supervisor.core.wire.headers import (
    REQUEST_DROPPED,
    REQUEST_TELLING,
    RESPONSE_DROPPED,
    RESPONSE_TELLING,
)
from webqx_supervisor.core.wire.messages import LENGTH_LIMIT

NO_NUMBER = -1
TOO_LARGE = -2
cdef long long LIMIT = LENGTH_LIMIT

cdef enum:
    IN_TOKEN = 1
    IN_VALUE = 2
    IN_TARGET = 4
    IN_REASON = 8
    DIGIT = 16

cdef enum:
    TELLS = 1  # its value is handed to the caller
    STAYS = 2  # it is not forwarded as it is

cdef enum:
    HT = 9
    LF = 10
    CR = 13
    SP = 32
    DOT = 46
    COLON = 58
    UNDERSCORE = 95

cdef enum:
    SLOTS = 256
    LONGEST = 32

cdef unsigned char KIND[256]
cdef unsigned char LOWER[256]


cdef void fill_tables():
    cdef int c
    for c in range(256):
        KIND[c] = 0
        LOWER[c] = c + 32 if 65 <= c <= 90 else c
        if c == HT or SP <= c <= 126 or c >= 128:
            KIND[c] |= IN_VALUE | IN_REASON
        if c == 33 or c == 34 or 36 <= c <= 126:
            KIND[c] |= IN_TARGET
        if 48 <= c <= 57:
            KIND[c] |= DIGIT
    for c in b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz":
        KIND[c] |= IN_TOKEN


fill_tables()


cdef class Names:
    """What is known of names, found by a length, a first and a last octet."""

    cdef unsigned char length[SLOTS]
    cdef unsigned char verdict[SLOTS]
    cdef unsigned char text[SLOTS][LONGEST]
    cdef list names

    def __init__(self, telling, dropped):
        cdef unsigned int slot
        self.names = [None] * SLOTS
        for name in telling | dropped:
            assert len(name) <= LONGEST
            slot = slot_of(name, len(name))
            while self.length[slot]:
                slot = (slot + 1) & (SLOTS - 1)
            self.length[slot] = len(name)
            self.verdict[slot] = TELLS * (name in telling) | STAYS * (name in dropped)
            memcpy(self.text[slot], PyBytes_AS_STRING(name), len(name))
            self.names[slot] = name

    cdef int find(self, const unsigned char *name, Py_ssize_t length) noexcept:
        """Return the slot of a name, -1 if nothing is known of it."""
        cdef unsigned int slot
        cdef Py_ssize_t i
        if length > LONGEST:
            return -1
        slot = slot_of(name, length)
        while self.length[slot]:
            if self.length[slot] == length:
                for i in range(length):
                    if LOWER[name[i]] != self.text[slot][i]:
                        break
                else:
                    return slot
            slot = (slot + 1) & (SLOTS - 1)
        return -1


cdef inline unsigned int slot_of(const unsigned char *name, Py_ssize_t length) noexcept:
    return (length * 37 + LOWER[name[0]] * 5 + LOWER[name[length - 1]]) & (SLOTS - 1)


cdef Names OF_REQUESTS = Names(REQUEST_TELLING, REQUEST_DROPPED)
cdef Names OF_RESPONSES = Names(RESPONSE_TELLING, RESPONSE_DROPPED)


cpdef Py_ssize_t find_end(buffer, Py_ssize_t start) except? -1:
    cdef const unsigned char[:] view
    cdef const char *first
    cdef const char *found
    cdef Py_ssize_t n = len(buffer)
    if n - start < 4:
        return -1
    if isinstance(buffer, bytes):
        first = PyBytes_AS_STRING(buffer)
    else:
        view = buffer
        first = <const char *>&view[0]
    found = first + start
    while True:
        found = <const char *>memchr(found, CR, first + n - 3 - found)
        if found == NULL:
            return -1
        if memcmp(found, b"\r\n\r\n", 4) == 0:
            return found - first + 4
        found += 1
        if found >= first + n - 3:
            return -1


cpdef long long scan_length(bytes value) except? -1:
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(value)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(value), i
    cdef long long length = 0
    if n == 0:
        return -1
    for i in range(n):
        if not KIND[p[i]] & DIGIT:
            return -1
        if length <= LIMIT:
            length = length * 10 + p[i] - 48
    return length if length <= LIMIT else -2


cpdef tuple scan_request(bytes head):
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(head)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(head)
    cdef Py_ssize_t start = 2 if p[0] == CR and p[1] == LF else 0
    cdef Py_ssize_t space = start, end
    while KIND[p[space]] & IN_TOKEN:
        space += 1
    if space == start or p[space] != SP:
        return None
    end = space + 1
    while KIND[p[end]] & IN_TARGET:
        end += 1
    if end == space + 1 or n - end < 11 or memcmp(p + end, b" HTTP/", 6):
        return None
    if not (KIND[p[end + 6]] & DIGIT and p[end + 7] == DOT and KIND[p[end + 8]] & DIGIT):
        return None
    if p[end + 9] != CR or p[end + 10] != LF:
        return None
    rest = scan_fields(p, end + 11, n, OF_REQUESTS, True)
    if rest is None:
        return None
    return (
        PyBytes_FromStringAndSize(<char *>p + start, space - start),
        PyBytes_FromStringAndSize(<char *>p + space + 1, end - space - 1),
        PyBytes_FromStringAndSize(<char *>p + end + 6, 3),
    ) + rest


cpdef tuple scan_response(bytes head):
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(head)
    cdef Py_ssize_t n = PyBytes_GET_SIZE(head)
    cdef Py_ssize_t start = 12, end = 12
    if n < 14 or memcmp(p, b"HTTP/1.", 7) or not KIND[p[7]] & DIGIT or p[8] != SP:
        return None
    if not (49 <= p[9] <= 53 and KIND[p[10]] & DIGIT and KIND[p[11]] & DIGIT):
        return None
    if p[12] == SP:
        start = end = 13
        while KIND[p[end]] & IN_REASON:
            end += 1
    if p[end] != CR or p[end + 1] != LF:
        return None
    rest = scan_fields(p, end + 2, n, OF_RESPONSES, False)
    if rest is None:
        return None
    return (
        PyBytes_FromStringAndSize(<char *>p + 5, 3),
        (p[9] - 48) * 100 + (p[10] - 48) * 10 + (p[11] - 48),
        PyBytes_FromStringAndSize(<char *>p + start, end - start),
    ) + rest


cdef tuple scan_fields(
    const unsigned char *p, Py_ssize_t i, Py_ssize_t n, Names names, bint request
):
    """Take the lines from `i` on apart: (those that pass, what was told, how many), or None."""
    cdef Py_ssize_t start, length, first, last, at = 0
    cdef int slot, count = 0
    cdef bint underscore
    cdef dict told = {}
    # A line grows by one blank at most, and takes four octets at least.
    cdef char *kept = <char *>PyMem_Malloc(n + n // 4 + 1)
    if kept == NULL:
        raise MemoryError
    try:
        while p[i] != CR:
            start = i
            underscore = False
            while KIND[p[i]] & IN_TOKEN:
                underscore |= p[i] == UNDERSCORE
                i += 1
            length = i - start
            if length == 0 or p[i] != COLON:
                return None
            i += 1
            while p[i] == SP or p[i] == HT:
                i += 1
            first = i
            while KIND[p[i]] & IN_VALUE:
                i += 1
            if p[i] != CR or p[i + 1] != LF:
                return None
            last = i
            while last > first and (p[last - 1] == SP or p[last - 1] == HT):
                last -= 1
            i += 2
            count += 1
            slot = names.find(p + start, length)
            if slot >= 0:
                if names.verdict[slot] & TELLS:
                    tell(told, names.names[slot], <char *>p + first, last - first)
                if names.verdict[slot] & STAYS:
                    continue
            if request and (underscore or is_forwarded(p + start, length)):
                continue
            memcpy(kept + at, p + start, length)
            at += length
            kept[at] = COLON
            kept[at + 1] = SP
            at += 2
            memcpy(kept + at, p + first, last - first)
            at += last - first
            kept[at] = CR
            kept[at + 1] = LF
            at += 2
        if i + 2 != n or p[i + 1] != LF:
            return None
        return PyBytes_FromStringAndSize(kept, at), told, count
    finally:
        PyMem_Free(kept)


cdef tell(dict told, bytes name, char *value, Py_ssize_t length):
    octets = PyBytes_FromStringAndSize(value, length)
    if name in told:
        (<list>told[name]).append(octets)
    else:
        told[name] = [octets]


cdef bint is_forwarded(const unsigned char *name, Py_ssize_t length) noexcept:
    cdef const unsigned char *prefix = b"x-forwarded-"
    cdef int i
    if length < 12 or name[1] != 45:
        return False
    for i in range(12):
        if LOWER[name[i]] != prefix[i]:
            return False
    return True
