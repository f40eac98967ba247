"""How threads wait, as LLVM IR text: in a loop, asleep in the operating system, or behind others.

In: the host target. Out: functions for the module of `codegen.driver`:

    i64 @now()                             nanoseconds of a clock that never goes back
    void @relax()                          tells the core that this is a spin loop
    void @doze(ptr word, i32 value)        sleeps while the word has the value, about
    void @wake(ptr word, i32 count)        wakes so many of those that sleep on the word
    void @give_way()                       lets another thread run
"""

from __future__ import annotations

import sys

from lamina.targets import Target


def waiting_text(target: Target) -> str:
    """The functions, for the operating system that we run on."""
    return _CLOCK + _pause(target) + _system(target)


def _pause(target: Target) -> str:
    """`@relax`: tells the core that this is a spin loop."""
    if target.triple.startswith("x86_64"):
        return _RELAX.format(kinds="", name="llvm.x86.sse2.pause", values="")
    return _RELAX.format(kinds="i32", name="llvm.aarch64.hint", values="i32 1")


def _system(target: Target) -> str:
    """`@doze(word, value)`, `@wake(word, count)` and `@give_way()` of the operating system."""
    if not sys.platform.startswith("linux"):
        return _POLLING
    number = 202 if target.triple.startswith("x86_64") else 98
    return _FUTEX.replace("NUMBER", str(number))


_RELAX = """
declare void @{name}({kinds})
define internal void @relax() {{
  call void @{name}({values})
  ret void
}}
"""

# futex(2): 128 is FUTEX_WAIT_PRIVATE, 129 is FUTEX_WAKE_PRIVATE.
_FUTEX = """
declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
define internal void @doze(ptr %word, i32 %value) {
  %r = call i64 (i64, ...) @syscall(i64 NUMBER, ptr %word, i64 128, i32 %value,
                                    ptr null, ptr null, i32 0)
  ret void
}
define internal void @wake(ptr %word, i32 %count) {
  %r = call i64 (i64, ...) @syscall(i64 NUMBER, ptr %word, i64 129, i32 %count,
                                    ptr null, ptr null, i32 0)
  ret void
}
define internal void @give_way() {
  %r = call i32 @sched_yield()
  ret void
}
"""

# Elsewhere there is no futex: look again every half millisecond.
_POLLING = """
declare i32 @usleep(i32)
declare i32 @sched_yield()
define internal void @doze(ptr %word, i32 %value) {
  %r = call i32 @usleep(i32 500)
  ret void
}
define internal void @wake(ptr %word, i32 %count) {
  ret void
}
define internal void @give_way() {
  %r = call i32 @sched_yield()
  ret void
}
"""

# CLOCK_MONOTONIC is 1 on Linux and 6 on macOS.
_CLOCK = f"""
declare i32 @clock_gettime(i32, ptr)
define internal i64 @now() {{
  %spec = alloca [2 x i64], align 8
  %r = call i32 @clock_gettime(i32 {1 if sys.platform.startswith("linux") else 6}, ptr %spec)
  %seconds = load i64, ptr %spec, align 8
  %p = getelementptr i64, ptr %spec, i64 1
  %rest = load i64, ptr %p, align 8
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
}}
"""
