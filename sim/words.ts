/** Thousands are grouped by commas, whatever the locale. */
export function grouped(number: number): string {
  const [whole = '', fraction] = String(number).split('.')
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? text : `${text}.${fraction}`
}

/** Seconds with three digits behind the point. */
export function seconds(ms: number): string {
  return `${grouped(Math.floor(ms / 1000))}.${String(Math.floor(ms % 1000)).padStart(3, '0')} s`
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${grouped(count)} ${count === 1 ? one : many}`
}

/** Rates in a million as a percentage. */
export function percent(perMillion: number): string {
  return `${grouped(perMillion / 10_000)} %`
}

/** Rows of cells in columns; numbers stand right. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? grouped(cell) : cell)))
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return rows.map((row, i) =>
    row
      .map((cell, column) => {
        const text = cells[i]?.[column] ?? ''
        const width = widths[column] ?? 0
        return typeof cell === 'number' ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Short items, joined into lines of at most `columns`. */
export function wrapped(items: readonly string[], columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const item of items) {
    if (line !== '' && line.length + 2 + item.length > columns) {
      lines.push(`${line},`)
      line = item
    } else line = line === '' ? item : `${line}, ${item}`
  }
  return line === '' ? lines : [...lines, line]
}
