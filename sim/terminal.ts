import cliProgress from 'cli-progress'
import picocolors from 'picocolors'
import type { Colors } from 'picocolors/types.js'

/** Colours if this stream is a terminal and nobody asked for none (no-color.org). */
export function colorsFor(stream: { readonly isTTY?: boolean | undefined }): Colors {
  const { NO_COLOR } = process.env
  return picocolors.createColors(stream.isTTY === true && (NO_COLOR === undefined || NO_COLOR === ''))
}

/** How far something is. On anything but a terminal it shows nothing. */
export class Progress {
  readonly #bar: cliProgress.SingleBar | undefined

  constructor(format: string, total: number) {
    if (process.stderr.isTTY !== true) return
    const options = { format, stream: process.stderr, clearOnComplete: true, fps: 10 }
    this.#bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic)
    this.#bar.start(total, 0, { note: '' })
  }

  update(value: number, note = ''): void {
    this.#bar?.update(Math.min(value, this.#bar.getTotal()), { note })
  }

  stop(): void {
    this.#bar?.stop()
  }
}
