/** The output of one simulated run, shortened for a page, and compared without what the wall clock says. */

const gap = '                ⋮'

/**
 * World, checks and verdict whole; of the story its beginning, the first death of a server with what followed, and its
 * end.
 */
export function excerptOf(output: string): string {
  const sections = output.trimEnd().split('\n\n')
  const at = sections.findIndex((section) => /^ *[\d,.]+ ms /.test(section))
  if (at < 0) throw new Error('there is no story in this output')
  return sections.map((section, i) => (i === at ? excerptOfStory(section.split('\n')) : section)).join('\n\n')
}

export function withoutWallTime(text: string): string {
  return text
    .replace(/[\d,]+ deliveries a second/, '… deliveries a second')
    .replace(/in [\d.,]+ s, [\d.,]+ times/, 'in …')
}

function excerptOfStory(lines: readonly string[]): string {
  const death = lines.findIndex((line) => /is killed|loses power/.test(line))
  const recovery = lines.findIndex((line, at) => at > death && line.includes(' leads term '))
  const kept = new Set([0, 1, 2, 3, 4, lines.findIndex((line) => line.includes('is healed')), lines.length - 1])
  if (death >= 0) for (let at = death; at <= Math.max(death, recovery); at++) kept.add(at)
  const excerpt: string[] = []
  let last = -1
  for (const at of [...kept].filter((at) => at >= 0).sort((a, b) => a - b)) {
    if (at !== last + 1) excerpt.push(gap)
    excerpt.push(lines[at] ?? '')
    last = at
  }
  return excerpt.join('\n')
}
