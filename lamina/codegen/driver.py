"""The driver that runs a whole step in one foreign call, as LLVM IR text.

In: the host target. Out: the text of a module with the pool's functions (`codegen.pool`) and

    i32 lamina_run(ptr pool, ptr table, i64 count, ptr bufs, ptr times)

A launch table is int64 records of 8 fields; the first is the operation:

    CALL     1, function, args, chunks, grain, flags, slot    flags: 1 last of its group, 2 serial
    SWAP     2, a, b                                          exchange bufs[a] and bufs[b]
    ADVANCE  3, d, s, bytes                                   bufs[d] = bufs[s] + bytes
    LOOP     4, turns, table, count
    WHILE    5, slot, bytes, table, count, table, count       condition's table, body's table
    COND     6, slot, bytes, table, count, table, count       then's table, else's table

WHILE and COND read a bool at bufs[slot] + bytes. Neighbouring CALLs up to one with flag 1 are a
group: one fork and join, whose work is dealt out in units of `grain` chunks (0: about eight units
for each thread) by one counter. Which thread runs a unit makes no difference to the kernels.
`times`, unless null, is int64 pairs (nanoseconds, runs), indexed by the `slot` of a group's last
CALL. A status other than 0 means an operation that is not in this list, or a group without an end.
"""

from __future__ import annotations

from lamina.codegen.pool import pool_text
from lamina.targets import Target

NAMES = ("lamina_run", "lamina_work", "lamina_stop")
FIELDS = 8
CALL, SWAP, ADVANCE, LOOP, WHILE, COND = range(1, 7)
LAST, SERIAL = 1, 2


def driver_text(target: Target) -> str:
    """The module for the operating system that we run on."""
    return "\n".join([f'target triple = "{target.triple}"', pool_text(target), _RUN])


_RUN = """
define internal void @timed_region(ptr %pool, ptr %rec, i64 %count, ptr %bufs, i1 %serial,
                                   ptr %times, i64 %slot) {
entry:
  %plain = icmp eq ptr %times, null
  br i1 %plain, label %quick, label %timed
quick:
  call void @region(ptr %pool, ptr %rec, i64 %count, ptr %bufs, i1 %serial)
  ret void
timed:
  %before = call i64 @now()
  call void @region(ptr %pool, ptr %rec, i64 %count, ptr %bufs, i1 %serial)
  %after = call i64 @now()
  %spent = sub i64 %after, %before
  %offset = mul i64 %slot, 2
  %p = getelementptr i64, ptr %times, i64 %offset
  %q = getelementptr i64, ptr %p, i64 1
  %a = atomicrmw add ptr %p, i64 %spent monotonic, align 8
  %b = atomicrmw add ptr %q, i64 1 monotonic, align 8
  ret void
}
define internal i1 @truth(ptr %bufs, i64 %slot, i64 %bytes) {
  %p = getelementptr ptr, ptr %bufs, i64 %slot
  %base = load ptr, ptr %p, align 8
  %at = getelementptr i8, ptr %base, i64 %bytes
  %byte = load i8, ptr %at, align 1
  %r = icmp ne i8 %byte, 0
  ret i1 %r
}
define i32 @lamina_run(ptr %pool, ptr %table, i64 %count, ptr %bufs, ptr %times) {
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %i1, %step ]
  %group = phi i64 [ 0, %entry ], [ %group1, %step ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %record, label %finish
record:
  %offset = mul i64 %i, 8
  %r0 = getelementptr i64, ptr %table, i64 %offset
  %r1 = getelementptr i64, ptr %r0, i64 1
  %r2 = getelementptr i64, ptr %r0, i64 2
  %r3 = getelementptr i64, ptr %r0, i64 3
  %r4 = getelementptr i64, ptr %r0, i64 4
  %r5 = getelementptr i64, ptr %r0, i64 5
  %r6 = getelementptr i64, ptr %r0, i64 6
  %op = load i64, ptr %r0, align 8
  %f1 = load i64, ptr %r1, align 8
  %f2 = load i64, ptr %r2, align 8
  %f3 = load i64, ptr %r3, align 8
  %f4 = load i64, ptr %r4, align 8
  %f5 = load i64, ptr %r5, align 8
  %f6 = load i64, ptr %r6, align 8
  %is_call = icmp eq i64 %op, 1
  br i1 %is_call, label %call, label %other
other:
  %unfinished = icmp ne i64 %group, 0
  br i1 %unfinished, label %unknown, label %which
which:
  switch i64 %op, label %unknown [
    i64 2, label %swap
    i64 3, label %advance
    i64 4, label %loop
    i64 5, label %while
    i64 6, label %cond
  ]
call:
  %lastbit = and i64 %f5, 1
  %last = icmp ne i64 %lastbit, 0
  %grown = add i64 %group, 1
  br i1 %last, label %launch, label %step
launch:
  %serialbit = and i64 %f5, 2
  %serial = icmp ne i64 %serialbit, 0
  %back = sub i64 %i, %group
  %backoff = mul i64 %back, 8
  %first = getelementptr i64, ptr %table, i64 %backoff
  call void @timed_region(ptr %pool, ptr %first, i64 %grown, ptr %bufs, i1 %serial,
                          ptr %times, i64 %f6)
  br label %step
swap:
  %pa = getelementptr ptr, ptr %bufs, i64 %f1
  %pb = getelementptr ptr, ptr %bufs, i64 %f2
  %va = load ptr, ptr %pa, align 8
  %vb = load ptr, ptr %pb, align 8
  store ptr %vb, ptr %pa, align 8
  store ptr %va, ptr %pb, align 8
  br label %step
advance:
  %pd = getelementptr ptr, ptr %bufs, i64 %f1
  %ps = getelementptr ptr, ptr %bufs, i64 %f2
  %vs = load ptr, ptr %ps, align 8
  %vd = getelementptr i8, ptr %vs, i64 %f3
  store ptr %vd, ptr %pd, align 8
  br label %step
loop:
  %body = inttoptr i64 %f2 to ptr
  %some = icmp sgt i64 %f1, 0
  br i1 %some, label %turn, label %step
turn:
  %t = phi i64 [ 0, %loop ], [ %t1, %turned ]
  %ls = call i32 @lamina_run(ptr %pool, ptr %body, i64 %f3, ptr %bufs, ptr %times)
  %lok = icmp eq i32 %ls, 0
  br i1 %lok, label %turned, label %failed
turned:
  %t1 = add i64 %t, 1
  %again = icmp slt i64 %t1, %f1
  br i1 %again, label %turn, label %step
while:
  %wtest = inttoptr i64 %f3 to ptr
  %wbody = inttoptr i64 %f5 to ptr
  br label %test
test:
  %ws = call i32 @lamina_run(ptr %pool, ptr %wtest, i64 %f4, ptr %bufs, ptr %times)
  %wok = icmp eq i32 %ws, 0
  br i1 %wok, label %tested, label %failed
tested:
  %holds = call i1 @truth(ptr %bufs, i64 %f1, i64 %f2)
  br i1 %holds, label %inside, label %step
inside:
  %bs = call i32 @lamina_run(ptr %pool, ptr %wbody, i64 %f6, ptr %bufs, ptr %times)
  %bok = icmp eq i32 %bs, 0
  br i1 %bok, label %test, label %failed
cond:
  %chosen = call i1 @truth(ptr %bufs, i64 %f1, i64 %f2)
  %branch = select i1 %chosen, i64 %f3, i64 %f5
  %length = select i1 %chosen, i64 %f4, i64 %f6
  %bp = inttoptr i64 %branch to ptr
  %cs = call i32 @lamina_run(ptr %pool, ptr %bp, i64 %length, ptr %bufs, ptr %times)
  %cok = icmp eq i32 %cs, 0
  br i1 %cok, label %step, label %failed
step:
  %group1 = phi i64 [ %grown, %call ], [ 0, %launch ], [ 0, %swap ], [ 0, %advance ],
                    [ 0, %loop ], [ 0, %turned ], [ 0, %tested ], [ 0, %cond ]
  %i1 = add i64 %i, 1
  br label %look
finish:
  %open = icmp ne i64 %group, 0
  br i1 %open, label %unknown, label %fine
fine:
  ret i32 0
unknown:
  ret i32 1
failed:
  %status = phi i32 [ %ls, %turn ], [ %ws, %test ], [ %bs, %inside ], [ %cs, %cond ]
  ret i32 %status
}
"""
