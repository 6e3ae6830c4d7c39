import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { launchProcess } from './process-tier.ts'

/** Runs an attempt where the worker's program would run, or without the tier; gives what it printed. */
function attempt(code: string, isInside: boolean): string {
  const launch = launchProcess(2 ** 30)
  const script = `try { ${code}; console.log('open') } catch (error) { console.log(error.code ?? error.message) }`
  const flags = launch.arguments.slice(0, -1)
  const [command, ...rest] = isInside
    ? [launch.command, ...flags, '--eval', script]
    : [process.execPath, '--eval', script]
  const { stdout } = spawnSync(command ?? '', rest, {
    cwd: launch.workingDirectory,
    env: isInside ? launch.environment : process.env,
    encoding: 'utf8',
  })
  return stdout.trim()
}

describe('the process tier', () => {
  test.each([
    ['reads a file of the machine', `require('fs').readFileSync(process.execPath)`],
    ['lists a folder', `require('fs').readdirSync('/')`],
    ['writes a file', `require('fs').mkdtempSync(require('os').tmpdir() + '/sallyport-probe-')`],
    [
      'starts a process',
      `const r = require('child_process').spawnSync(process.execPath, ['--version']); if (r.error) throw r.error`,
    ],
    ['starts a thread', `new (require('worker_threads').Worker)('', { eval: true }).terminate()`],
    ['opens the inspector', `require('inspector').open(0); require('inspector').close()`],
  ])('denies to JavaScript what is open outside of it: %s', (_, code) => {
    expect(attempt(code, false)).toBe('open')
    expect(attempt(code, true)).toMatch(/ERR_ACCESS_DENIED|ERR_INSPECTOR/)
  })

  test('shows nothing of the gateway’s environment', () => {
    const code = `if (Object.keys(process.env).join() !== 'ORT_DISABLE_TELEMETRY') throw new Error('more')`
    expect(attempt(code, true)).toBe('open')
    expect(attempt(code, false)).toBe('more')
  })
})
