/** Every power of two is divided into so many steps: a figure is off by at most one in sixteen. */
const stepsPerOctave = 16
const octaves = 40

/** Counts durations in buckets that grow with them, so that counting one costs next to nothing. */
export class LatencyCounts {
  readonly #counts = new Float64Array(stepsPerOctave * octaves)
  #total = 0

  add(us: number): void {
    const bucket = bucketOf(us)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total++
  }

  get total(): number {
    return this.#total
  }

  /** The upper end of the bucket in which that share of all durations is reached. */
  quantileUs(share: number): number {
    let left = Math.ceil(this.#total * share)
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket] ?? 0
      if (left <= 0) return upperEndOf(bucket)
    }
    return 0
  }
}

function bucketOf(us: number): number {
  const whole = Math.max(1, us)
  const octave = Math.floor(Math.log2(whole))
  return Math.min(octaves - 1, octave) * stepsPerOctave + Math.floor((whole / 2 ** octave - 1) * stepsPerOctave)
}

function upperEndOf(bucket: number): number {
  const octave = Math.floor(bucket / stepsPerOctave)
  return 2 ** octave * (1 + ((bucket % stepsPerOctave) + 1) / stepsPerOctave)
}
