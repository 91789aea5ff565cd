"""MP3, by a decoder that is not ours."""

import ctypes


def unpack_mp3(sound):
    """Rate, channels and 16-bit samples of an MP3."""
    library = ctypes.CDLL("libmpg123.so.0")
    library.mpg123_init()
    library.mpg123_new.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.mpg123_new(None, None))
    rate, channels, encoding, done = ctypes.c_long(), ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    samples, room, status = b"", ctypes.create_string_buffer(1 << 16), 0
    try:
        assert library.mpg123_open_feed(handle) == 0
        assert library.mpg123_feed(handle, sound, ctypes.c_size_t(len(sound))) == 0
        while status != -10:  # it wants more: this was all
            status = library.mpg123_read(handle, room, ctypes.c_size_t(len(room)), ctypes.byref(done))
            assert status in (0, -10, -11), f"mpg123 says {status} after {len(samples)} bytes"
            samples += room.raw[:done.value]
        assert library.mpg123_getformat(handle, ctypes.byref(rate), ctypes.byref(channels), ctypes.byref(encoding)) == 0
        assert encoding.value == 0xD0, "signed 16 bits"
    finally:
        library.mpg123_delete(handle)
    return rate.value, channels.value, samples
