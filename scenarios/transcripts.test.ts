import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runTranscript } from './transcripts/interpreter.contract.ts'

const folder = new URL('transcripts/', import.meta.url)
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()

/**
 * Each transcript holds commands and, between them, what the servers did. `vitest -u` rewrites the latter; the
 * difference is the review, and only who understands why it changed commits it.
 */
describe('a transcript', () => {
  test.each(names)('%s still holds', async (name) => {
    const path = fileURLToPath(new URL(name, folder))
    await expect(runTranscript(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path)
  })

  test('fails where an expectation does not hold, whatever is written behind it', () => {
    const text = 'servers a b c\ncampaign a\nsettle\nexpect a is leader\nexpect a term 3\n'
    expect(() => runTranscript(text)).toThrow("command 5, 'expect a term 3': expected 'a term 3', but found a term: 2")
    expect(() => runTranscript('servers a b c\nexpect same a b\nexpect no leader\n')).not.toThrow()
    expect(() => runTranscript('servers a b c\ncampaign a\nsettle\nexpect no leader\n')).toThrow('expected')
    expect(() => runTranscript('servers a b c\ncampaign a\nexpect nothing under way\n')).toThrow('2 messages')
  })

  test('fails at a command that does not exist or chooses no message', () => {
    expect(() => runTranscript('servers a b c\ncampain a\n')).toThrow("command 2, 'campain a': no such command")
    expect(() => runTranscript('servers a b c\ndeliver a->b\n')).toThrow('no such message is under way')
  })

  test('says the same when it is run again over its own answers', () => {
    const once = runTranscript('# A note.\n\nservers a b c\ncampaign a\nsettle\npropose a x\n')
    expect(once).toContain('  a -> b  append after 2/2: 3/2 x; commit 2')
    expect(runTranscript(once)).toBe(once)
  })
})
