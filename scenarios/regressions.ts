/** A world that once did not hold. */
export interface Regression {
  readonly scenario: string
  readonly seed: string
  /** What was wrong, in the words of what users would have seen. */
  readonly what: string
}

/** Every world that found something stays: what went wrong once does so again. */
export const regressions: readonly Regression[] = [
  {
    scenario: 'corrupt-record-mid-log',
    seed: '3',
    what: 'a server that had copied nothing yet took itself for repaired, and later overwrote a committed entry',
  },
  {
    scenario: 'corrupt-record-mid-log',
    seed: '15',
    what: 'the vote of a server that had not copied its damaged log elected a leader without committed entries',
  },
  {
    scenario: 'corrupt-record-mid-log',
    seed: '12',
    what: 'a server with a damaged log took itself for whole, and never came back to the group',
  },
  {
    scenario: 'everything-at-once',
    seed: '158',
    what: 'a server confirmed entries of which its disk held none',
  },
  {
    scenario: 'diverging-logs',
    seed: '25',
    what: 'a server whose entries had later stamps than those of the new leader took no append any more',
  },
  {
    scenario: 'everything-at-once',
    seed: '109',
    what: 'a leader kept an idle connection to a dead incarnation, and so never reached the one that replaced it',
  },
  {
    scenario: 'lost-majority-recovered',
    seed: '43',
    what: 'a server that had begun to learn before the majority was lost never joined the group that was recovered',
  },
]
