import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'

/**
 * Names every skipped test with its reason, and closes with one plain line of counts. Under `CI=true` a skip is a
 * failure: a prerequisite that a developer's machine may lack must be there where releases are judged.
 */
export default class SkipReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests: TestCase[] = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state: string) => tests.filter((test) => test.result().state === state)
    const skipped = inState('skipped')
    const print = (line: string) => this.#vitest?.logger.log(line)
    for (const test of skipped) {
      const result = test.result()
      const reason = result.state === 'skipped' && result.note ? `: ${result.note}` : ''
      print(`SKIPPED ${test.module.relativeModuleId} > ${test.fullName}${reason}`)
    }
    const failed =
      inState('failed').length +
      modules.filter(
        (module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0,
      ).length
    print(`${inState('passed').length} passed, ${failed} failed, ${skipped.length} skipped`)
    if (skipped.length > 0 && process.env['CI'] === 'true') {
      print('A skipped test fails the run under CI=true.')
      process.exitCode = 1
    }
  }
}
