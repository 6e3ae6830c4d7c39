import { spinner } from '@clack/prompts'

/** Says what is going on while it goes on. */
export interface Progress {
  /** Runs one step under its title and gives its result; a failed step is shown as failed and thrown on. */
  step<Result>(title: string, work: () => Promise<Result>, done?: (result: Result) => string): Promise<Result>
}

/** A spinner on a terminal, a plain line a step elsewhere, nothing when the output is JSON. */
export function createProgress(options: { readonly isSilent: boolean }): Progress {
  if (options.isSilent) return { step: (_title, work) => work() }
  return process.stdout.isTTY ? terminalProgress() : plainProgress()
}

function terminalProgress(): Progress {
  return {
    async step(title, work, done) {
      const indicator = spinner()
      indicator.start(title)
      try {
        const result = await work()
        indicator.stop(done?.(result) ?? title)
        return result
      } catch (thrown) {
        indicator.error(title)
        throw thrown
      }
    },
  }
}

function plainProgress(): Progress {
  return {
    async step(title, work, done) {
      process.stdout.write(`… ${title}\n`)
      try {
        const result = await work()
        process.stdout.write(`✔ ${done?.(result) ?? title}\n`)
        return result
      } catch (thrown) {
        process.stdout.write(`✘ ${title}\n`)
        throw thrown
      }
    },
  }
}
