//! Takes a message apart: parts, containers, text, under one budget. Pure: octets in, parts out.
