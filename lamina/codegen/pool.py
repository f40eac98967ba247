"""The thread pool's machinery, as LLVM IR text: a worker's life, and one fork and join.

In: the host target. Out: functions for the module of `codegen.driver`:

    void @region(ptr pool, ptr records, i64 count, ptr bufs, i1 serial)    one group of CALLs
    void @lamina_work(ptr pool, i64 number)                                a worker's life, from 1
    void @lamina_stop(ptr pool)                                            ends the workers

The pool is `pool_bytes` long, zero at first, in cache lines of their own:

    0    i32  epoch: which region is open
    64   i64  units done
    128  i32  workers that sleep on the epoch
    192  ptr  records of the group, 200 i64 units, 208 ptr bufs
    256  i32  busy: a caller has the pool, 260 i32 workers, 264 i32 quit
    272  i64  nanoseconds, at most, that a worker spins
    512  i64  ticket of the caller: epoch << 32 | units left; then a line for each worker's

The units of a region are dealt out in as many ranges as there are threads, in order: a thread takes
those of its own range first, and then what is left of the others'. So the core that wrote a range
of a buffer is, as a rule, the one that reads it in the next region, and threads meet at a ticket
only where one is late. A unit is claimed by exchanging the ticket that was read, which names its
region: nobody waits for a worker that comes late, and nothing is left to claim in a region that has
ended. A second caller that finds the pool busy runs its group alone. A record's fields are those of
CALL in `codegen.driver`.
"""

from __future__ import annotations

from lamina.codegen.waiting import waiting_text
from lamina.targets import Target

WORKERS, SPIN = 260, 272  # offsets that Python writes
BRIEF = 20_000  # nanoseconds that a worker spins when nothing speaks for more
_TICKETS, _LINE = 512, 64


def pool_bytes(threads: int) -> int:
    """Size of the pool of a caller and `threads` - 1 workers."""
    return _TICKETS + _LINE * threads


def pool_text(target: Target) -> str:
    """The functions, for the operating system that we run on."""
    return "\n".join([waiting_text(target), _WORK, _WORKER, _STOP, _REGION])


# Claim units of region `epoch` and run them until none is left, from one's own range on. The record
# of a unit is found by walking on from the record of the unit before.
_WORK = """
define internal i64 @grain(i64 %chunks, i64 %grain, i32 %workers) {
  %given = icmp sgt i64 %grain, 0
  %w = sext i32 %workers to i64
  %threads = add i64 %w, 1
  %parts = shl i64 %threads, 3
  %up = add i64 %chunks, %parts
  %up1 = sub i64 %up, 1
  %auto = sdiv i64 %up1, %parts
  %some = icmp sgt i64 %auto, 0
  %least = select i1 %some, i64 %auto, i64 1
  %r = select i1 %given, i64 %grain, i64 %least
  ret i64 %r
}
define internal i64 @units(i64 %chunks, i64 %grain) {
  %up = add i64 %chunks, %grain
  %up1 = sub i64 %up, 1
  %r = sdiv i64 %up1, %grain
  ret i64 %r
}
define internal ptr @ticket(ptr %pool, i64 %thread) {
  %lines = mul i64 %thread, 64
  %offset = add i64 %lines, 512
  %r = getelementptr i8, ptr %pool, i64 %offset
  ret ptr %r
}
define internal i64 @range(i64 %thread, i64 %threads, i64 %total) {
  %share = mul i64 %thread, %total
  %r = udiv i64 %share, %threads
  ret i64 %r
}
define internal void @take_part(ptr %pool, i64 %me, i64 %epoch) {
entry:
  %donep = getelementptr i8, ptr %pool, i64 64
  %recp = getelementptr i8, ptr %pool, i64 192
  %totalp = getelementptr i8, ptr %pool, i64 200
  %bufsp = getelementptr i8, ptr %pool, i64 208
  %workersp = getelementptr i8, ptr %pool, i64 260
  %workers = load i32, ptr %workersp, align 4
  %others = zext i32 %workers to i64
  %threads = add i64 %others, 1
  br label %visit
visit:
  %turn = phi i64 [ 0, %entry ], [ %turn1, %leave ]
  %before = phi i64 [ 0, %entry ], [ %ran, %leave ]
  %sum = add i64 %me, %turn
  %around = icmp uge i64 %sum, %threads
  %wrapped = sub i64 %sum, %threads
  %whose = select i1 %around, i64 %wrapped, i64 %sum
  %ticketp = call ptr @ticket(ptr %pool, i64 %whose)
  br label %look
look:
  %at = phi ptr [ null, %visit ], [ %at, %try ], [ %rec, %run ]
  %base = phi i64 [ 0, %visit ], [ %base, %try ], [ %start, %run ]
  %ran = phi i64 [ %before, %visit ], [ %ran, %try ], [ %ran1, %run ]
  %ticket = load atomic i64, ptr %ticketp acquire, align 64
  %e = lshr i64 %ticket, 32
  %current = icmp eq i64 %e, %epoch
  %left = and i64 %ticket, 4294967295
  %some = icmp ne i64 %left, 0
  %claimable = and i1 %current, %some
  br i1 %claimable, label %try, label %leave
try:
  %next = sub i64 %ticket, 1
  %pair = cmpxchg ptr %ticketp, i64 %ticket, i64 %next acq_rel acquire, align 64
  %won = extractvalue { i64, i1 } %pair, 1
  br i1 %won, label %mine, label %look
mine:
  %first = load ptr, ptr %recp, align 8
  %bufs = load ptr, ptr %bufsp, align 8
  %total = load i64, ptr %totalp, align 8
  %after = add i64 %whose, 1
  %stop = call i64 @range(i64 %after, i64 %threads, i64 %total)
  %unit = sub i64 %stop, %left
  %fresh = icmp eq ptr %at, null
  %from = select i1 %fresh, ptr %first, ptr %at
  br label %seek
seek:
  %rec = phi ptr [ %from, %mine ], [ %following, %seek2 ]
  %start = phi i64 [ %base, %mine ], [ %end, %seek2 ]
  %chunksp = getelementptr i64, ptr %rec, i64 3
  %grainp = getelementptr i64, ptr %rec, i64 4
  %chunks = load i64, ptr %chunksp, align 8
  %given = load i64, ptr %grainp, align 8
  %grain = call i64 @grain(i64 %chunks, i64 %given, i32 %workers)
  %units = call i64 @units(i64 %chunks, i64 %grain)
  %end = add i64 %start, %units
  %inside = icmp ult i64 %unit, %end
  br i1 %inside, label %run, label %seek2
seek2:
  %following = getelementptr i64, ptr %rec, i64 8
  br label %seek
run:
  %fnp = getelementptr i64, ptr %rec, i64 1
  %argsp = getelementptr i64, ptr %rec, i64 2
  %fn = load ptr, ptr %fnp, align 8
  %args = load ptr, ptr %argsp, align 8
  %index = sub i64 %unit, %start
  %lo = mul i64 %index, %grain
  %hi0 = add i64 %lo, %grain
  %over = icmp sgt i64 %hi0, %chunks
  %hi = select i1 %over, i64 %chunks, i64 %hi0
  call void %fn(ptr %bufs, ptr %args, i64 %lo, i64 %hi)
  %ran1 = add i64 %ran, 1
  br label %look
leave:
  %turn1 = add i64 %turn, 1
  %more = icmp ult i64 %turn1, %threads
  br i1 %more, label %visit, label %finish
finish:
  %idle = icmp eq i64 %ran, 0
  br i1 %idle, label %out, label %tell
tell:
  %d = atomicrmw add ptr %donep, i64 %ran release, align 64
  br label %out
out:
  ret void
}
"""

# A worker: spin, sleep, take part, until told to quit. How long it spins, its patience, follows
# what came before: where a region came later than BRIEF but within the pool's limit, spinning on
# would have spared the sleep, and the worker spins to the limit; where it came later still, BRIEF
# will do. The clock is read every 64 turns, and not at all where the next region follows at once.
_WORKER = f"""
define void @lamina_work(ptr %pool, i64 %number) {{
entry:
  %sleepersp = getelementptr i8, ptr %pool, i64 128
  %quitp = getelementptr i8, ptr %pool, i64 264
  %limitp = getelementptr i8, ptr %pool, i64 {SPIN}
  %limit = load i64, ptr %limitp, align 8
  %short = icmp ult i64 %limit, {BRIEF}
  %brief = select i1 %short, i64 %limit, i64 {BRIEF}
  br label %look
look:
  %seen = phi i32 [ 0, %entry ], [ %seen, %again ], [ %seen, %asleep ], [ %epoch, %part ]
  %turns = phi i64 [ 0, %entry ], [ %turns1, %again ], [ %turns1, %asleep ], [ 0, %part ]
  %since = phi i64 [ 0, %entry ], [ %since2, %again ], [ %since1, %asleep ], [ 0, %part ]
  %patience = phi i64 [ %brief, %entry ], [ %patience, %again ], [ %patience, %asleep ],
                      [ %patience2, %part ]
  %quit = load atomic i32, ptr %quitp acquire, align 8
  %stay = icmp eq i32 %quit, 0
  br i1 %stay, label %check, label %out
check:
  %epoch = load atomic i32, ptr %pool acquire, align 64
  %new = icmp ne i32 %epoch, %seen
  br i1 %new, label %arrived, label %wait
arrived:
  %atonce = icmp ult i64 %turns, 64
  br i1 %atonce, label %part, label %learn
learn:
  %came = call i64 @now()
  %gap = sub i64 %came, %since
  %late = icmp ugt i64 %gap, %limit
  %early = icmp ult i64 %gap, %brief
  %same = select i1 %early, i64 %patience, i64 %limit
  %patience1 = select i1 %late, i64 %brief, i64 %same
  br label %part
part:
  %patience2 = phi i64 [ %patience, %arrived ], [ %patience1, %learn ]
  %region = zext i32 %epoch to i64
  call void @take_part(ptr %pool, i64 %number, i64 %region)
  br label %look
wait:
  %turns1 = add i64 %turns, 1
  %low = and i64 %turns1, 63
  %ask = icmp eq i64 %low, 0
  br i1 %ask, label %time, label %again
time:
  %t = call i64 @now()
  %first = icmp eq i64 %turns1, 64
  %since1 = select i1 %first, i64 %t, i64 %since
  %waited = sub i64 %t, %since1
  %tired = icmp ugt i64 %waited, %patience
  br i1 %tired, label %asleep, label %again
again:
  %since2 = phi i64 [ %since, %wait ], [ %since1, %time ]
  call void @relax()
  br label %look
asleep:
  %s = atomicrmw add ptr %sleepersp, i32 1 seq_cst, align 4
  call void @doze(ptr %pool, i32 %epoch)
  %s1 = atomicrmw sub ptr %sleepersp, i32 1 seq_cst, align 4
  br label %look
out:
  ret void
}}
"""

# Take the pool for ever, tell the workers to quit, change the epoch so that none falls asleep.
_STOP = """
define void @lamina_stop(ptr %pool) {
entry:
  %busyp = getelementptr i8, ptr %pool, i64 256
  %quitp = getelementptr i8, ptr %pool, i64 264
  br label %try
try:
  %n = phi i64 [ 0, %entry ], [ %n1, %wait ]
  %pair = cmpxchg ptr %busyp, i32 0, i32 1 acq_rel acquire, align 64
  %won = extractvalue { i32, i1 } %pair, 1
  %n1 = add i64 %n, 1
  %tired = icmp ugt i64 %n1, 100000
  %go = or i1 %won, %tired
  br i1 %go, label %stop, label %wait
wait:
  call void @give_way()
  br label %try
stop:
  store atomic i32 1, ptr %quitp seq_cst, align 8
  br i1 %won, label %close, label %out
close:
  %epoch = atomicrmw add ptr %pool, i32 1 seq_cst, align 64
  br label %out
out:
  call void @wake(ptr %pool, i32 2147483647)
  ret void
}
"""

# One group of CALLs: alone if it is one unit, serial, or the pool is busy; else fork and join.
_REGION = """
define internal void @alone(ptr %rec, i64 %count, ptr %bufs) {
entry:
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %i1, %turn ]
  %offset = mul i64 %i, 8
  %at = getelementptr i64, ptr %rec, i64 %offset
  %fnp = getelementptr i64, ptr %at, i64 1
  %argsp = getelementptr i64, ptr %at, i64 2
  %chunksp = getelementptr i64, ptr %at, i64 3
  %fn = load ptr, ptr %fnp, align 8
  %args = load ptr, ptr %argsp, align 8
  %chunks = load i64, ptr %chunksp, align 8
  call void %fn(ptr %bufs, ptr %args, i64 0, i64 %chunks)
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %count
  br i1 %more, label %turn, label %out
out:
  ret void
}
define internal i64 @count_units(ptr %rec, i64 %count, i32 %workers) {
entry:
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %i1, %turn ]
  %sum = phi i64 [ 0, %entry ], [ %sum1, %turn ]
  %offset = mul i64 %i, 8
  %at = getelementptr i64, ptr %rec, i64 %offset
  %chunksp = getelementptr i64, ptr %at, i64 3
  %grainp = getelementptr i64, ptr %at, i64 4
  %chunks = load i64, ptr %chunksp, align 8
  %given = load i64, ptr %grainp, align 8
  %grain = call i64 @grain(i64 %chunks, i64 %given, i32 %workers)
  %units = call i64 @units(i64 %chunks, i64 %grain)
  %sum1 = add i64 %sum, %units
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, %count
  br i1 %more, label %turn, label %out
out:
  ret i64 %sum1
}
define internal void @region(ptr %pool, ptr %rec, i64 %count, ptr %bufs, i1 %serial) {
entry:
  %donep = getelementptr i8, ptr %pool, i64 64
  %sleepersp = getelementptr i8, ptr %pool, i64 128
  %recp = getelementptr i8, ptr %pool, i64 192
  %totalp = getelementptr i8, ptr %pool, i64 200
  %bufsp = getelementptr i8, ptr %pool, i64 208
  %busyp = getelementptr i8, ptr %pool, i64 256
  %workersp = getelementptr i8, ptr %pool, i64 260
  %workers = load i32, ptr %workersp, align 4
  %none = icmp eq i32 %workers, 0
  %early = or i1 %none, %serial
  br i1 %early, label %inline, label %size
size:
  %total = call i64 @count_units(ptr %rec, i64 %count, i32 %workers)
  %few = icmp ult i64 %total, 2
  %huge = icmp ugt i64 %total, 2147483647
  %not = or i1 %few, %huge
  br i1 %not, label %inline, label %take
inline:
  call void @alone(ptr %rec, i64 %count, ptr %bufs)
  ret void
take:
  %pair = cmpxchg ptr %busyp, i32 0, i32 1 acq_rel acquire, align 64
  %won = extractvalue { i32, i1 } %pair, 1
  br i1 %won, label %fork, label %inline
fork:
  store ptr %rec, ptr %recp, align 8
  store ptr %bufs, ptr %bufsp, align 8
  store i64 %total, ptr %totalp, align 8
  store atomic i64 0, ptr %donep monotonic, align 64
  %old = load atomic i32, ptr %pool monotonic, align 64
  %word = add i32 %old, 1
  %epoch = zext i32 %word to i64
  %name = shl i64 %epoch, 32
  %helpers = zext i32 %workers to i64
  %threads = add i64 %helpers, 1
  br label %deal
deal:
  %t = phi i64 [ 0, %fork ], [ %t1, %deal ]
  %t1 = add i64 %t, 1
  %from = call i64 @range(i64 %t, i64 %threads, i64 %total)
  %to = call i64 @range(i64 %t1, i64 %threads, i64 %total)
  %slice = sub i64 %to, %from
  %ticket = or i64 %name, %slice
  %ticketp = call ptr @ticket(ptr %pool, i64 %t)
  store atomic i64 %ticket, ptr %ticketp release, align 64
  %dealt = icmp eq i64 %t1, %threads
  br i1 %dealt, label %open, label %deal
open:
  %x = atomicrmw xchg ptr %pool, i32 %word seq_cst, align 64
  %sleepers = load atomic i32, ptr %sleepersp seq_cst, align 4
  %any = icmp ne i32 %sleepers, 0
  br i1 %any, label %rouse, label %work
rouse:
  %others = sub i64 %total, 1
  %fewer = icmp ult i64 %others, 1024
  %cut = select i1 %fewer, i64 %others, i64 1024
  %wanted = trunc i64 %cut to i32
  call void @wake(ptr %pool, i32 %wanted)
  br label %work
work:
  call void @take_part(ptr %pool, i64 0, i64 %epoch)
  br label %join
join:
  %n = phi i64 [ 0, %work ], [ %n1, %hold ], [ %n1, %yield ]
  %done = load atomic i64, ptr %donep acquire, align 64
  %all = icmp eq i64 %done, %total
  br i1 %all, label %out, label %spin
spin:
  %n1 = add i64 %n, 1
  %patient = icmp ult i64 %n1, 2000
  br i1 %patient, label %hold, label %yield
hold:
  call void @relax()
  br label %join
yield:
  call void @give_way()
  br label %join
out:
  store atomic i32 0, ptr %busyp release, align 64
  ret void
}
"""
