/*
 * The lease, the fence and the log as a model for spin; see docs/simulation.md.
 * There is no time in it: a lease may run out at any moment, or seem to. A write may be answered late or never; a holder may be stopped at any point, also between its look at the
 * clock and what it sends; a standby may be told that the holder is gone when he is not.
 *
 * Broken variants: -DNO_CAS (the lease is written without a look at the revision), -DNO_FENCE (the executor obeys anybody).
 */
#define MANAGERS 3
#define WRITES 3

byte revision = 0;           /* of the last write of the lease */
byte holder = 0;             /* who stands in it; 0: nobody, else pid + 1 */
byte acquired = 0;           /* revision of the acquiring write: the epoch */
byte heard = 0;              /* the highest epoch that the executor has seen, on its disk */
byte owner[WRITES + 1];      /* epoch -> who commanded under it */
byte acted = 0;              /* the epoch of the last act */

/* Compare and set; what a manager judged may be old by now. */
inline take(me, judged, epoch) {
  atomic {
    epoch = 0;
    if
#ifdef NO_CAS
    :: revision < WRITES ->
#else
    :: judged == revision && revision < WRITES ->
#endif
#ifndef NO_CAS
         revision++;
#else
         revision = judged + 1;
#endif
         holder = me + 1;
         acquired = revision;
         if
         :: epoch = revision    /* the answer came */
         :: skip                /* it was lost: not believed */
         fi
    :: else -> skip
    fi
  }
}

inline renew(me, epoch, judged) {
  atomic {
    if
    :: holder == me + 1 && acquired == epoch && judged == revision && revision < WRITES ->
         revision++;
         judged = revision
    :: else -> epoch = 0        /* deposed */
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
  do
  :: epoch == 0 -> judged = revision                   /* reads, or hears by the watch */
  :: epoch == 0 && revision < WRITES -> take(_pid, judged, epoch);
       if
       :: epoch != 0 -> judged = epoch
       :: else -> skip
       fi
  :: epoch != 0 -> renew(_pid, epoch, judged)
  :: epoch != 0 -> obey(_pid, epoch)                   /* sent while it held, and obeyed now, however late */
  :: epoch != 0 -> epoch = 0                           /* stops, dies, or its lease ran out */
  :: revision >= WRITES && epoch == 0 -> break
  od
}
