cpdef list values(bytes head, bytes begin)
cpdef bint begins_any(bytes lines, tuple begins_with) except -1
