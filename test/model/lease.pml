/*
 * The lease, the fence and the log as a model for spin; see docs/simulation.md.
 * There is no time in it: a lease may run out at any moment, or seem to. A write may be answered late or never; a holder may be stopped at any point, also between its look at the
 * clock and what it sends; a standby may be told that the holder is gone when he is not. Once the store may lose its last write.
 *
 * Broken variants: -DNO_CAS (the lease is written without a look at the revision), -DNO_FENCE (the executor obeys anybody), -DNO_LEAD (a holder commands before the log has opened its
 * epoch), -DBY_REVISION (the epoch is the revision of the store). -DLOSSLESS: the store loses nothing.
 */
#ifndef MANAGERS
#define MANAGERS 2
#define WRITES 4
#endif

byte writes = 0;             /* all that there were */
byte revision = 0;           /* of what stands in the store */
byte holder = 0;             /* who stands in it; 0: nobody, else pid + 1 */
byte acquired = 0;           /* the counter that stands in it: the epoch */
byte lost_holder = 0;        /* what stood there before the last write */
byte lost_acquired = 0;
#ifdef LOSSLESS
bool lossy = false;
#else
bool lossy = true;           /* a write may still be lost */
#endif
byte opened = 0;             /* the highest epoch in the log, and who has opened it */
byte opener = 0;
byte heard = 0;              /* the highest epoch that the executor has seen, on its disk */
byte owner[2 * WRITES + 2];  /* epoch -> who commanded under it */
byte acted = 0;              /* the epoch of the last act */

inline written(me, epoch) {
  lost_holder = holder;
  lost_acquired = acquired;
  writes++;
  revision++;
  holder = me + 1;
  acquired = epoch
}

/* Compare and set; what a manager judged may be old by now. It counts above what it has seen itself, and above the log. */
inline take(me, judged, known, epoch) {
  atomic {
    epoch = 0;
    if
#ifdef NO_CAS
    :: writes < WRITES ->
#else
    :: judged == revision && writes < WRITES ->
#endif
#ifdef BY_REVISION
         known = revision + 1;
#else
         known = (opened > known -> opened : known) + 1;
#endif
         assert(known > opened);              /* else nobody could lead under it */
         written(me, known);
         judged = revision;
         if
         :: epoch = known       /* the answer came */
         :: skip                /* it was lost: not believed */
         fi
    :: else -> skip
    fi
  }
}

inline renew(me, epoch, judged) {
  atomic {
    if
    :: holder == me + 1 && acquired == epoch && judged == revision && writes < WRITES ->
         written(me, epoch);
         judged = revision
    :: else -> epoch = 0        /* deposed */
    fi
  }
}

/* Its `lead` in the log: the first of an epoch counts. */
inline lead(me, epoch) {
  atomic {
    if
    :: epoch > opened -> opened = epoch; opener = me + 1
    :: epoch == opened && opener == me + 1 -> skip
    :: else -> epoch = 0        /* taken anew under a higher one */
    fi
  }
}

/* What one command does at the executor. */
inline obey(me, epoch) {
  atomic {
    if
#ifdef NO_FENCE
    :: true ->
#else
    :: epoch >= heard ->
#endif
         assert(epoch >= acted);                              /* no act under an old epoch after one under a newer */
         assert(owner[epoch] == 0 || owner[epoch] == me + 1); /* never two under one epoch */
         owner[epoch] = me + 1;
         heard = (epoch > heard -> epoch : heard);
         acted = epoch
#ifndef NO_FENCE
    :: else -> skip
#endif
    fi
  }
}

active [MANAGERS] proctype manager() {
  byte epoch = 0;              /* 0: does not hold */
  byte judged = 0;             /* the revision that it has read */
  byte known = 0;              /* the highest epoch that it has read */
  bool leads = false;
  do
  :: epoch == 0 -> atomic {                            /* reads, or hears by the watch */
       leads = false;
       judged = revision;
       known = (acquired > known -> acquired : known)
     }
  :: epoch == 0 && writes < WRITES -> take(_pid, judged, known, epoch); leads = false
  :: epoch != 0 -> renew(_pid, epoch, judged)
  :: epoch != 0 && !leads -> lead(_pid, epoch); leads = (epoch != 0)
#ifdef NO_LEAD
  :: epoch != 0 -> obey(_pid, epoch)
#else
  :: epoch != 0 && leads -> obey(_pid, epoch)          /* sent while it held, and obeyed now, however late */
#endif
  :: epoch != 0 -> epoch = 0; leads = false            /* stops, dies, or its lease ran out */
  :: writes >= WRITES && epoch == 0 -> break
  od
}

/* A server leads that has not got the last write. */
active proctype store() {
  atomic {
    if
    :: lossy && revision > 0 ->
         lossy = false;
         revision--;
         holder = lost_holder;
         acquired = lost_acquired
    :: lossy = false
    fi
  }
}
