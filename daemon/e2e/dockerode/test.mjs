// Goes through the API with dockerode. DOCKER_SOCKET is the daemon's socket; the image alpine is there. A failure is an
// exception, and so an exit code other than 0.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { text, buffer } from 'node:stream/consumers';
import Docker from 'dockerode';

const docker = new Docker({ socketPath: process.env.DOCKER_SOCKET });
const made = [];

async function create(options) {
  const c = await docker.createContainer({ Image: 'alpine', HostConfig: { NetworkMode: 'none' }, ...options });
  made.push(c);
  return c;
}

// demux splits a multiplexed stream into [stdout, stderr].
async function demux(stream) {
  const out = new PassThrough(), err = new PassThrough();
  docker.modem.demuxStream(stream, out, err);
  stream.on('end', () => { out.end(); err.end(); });
  stream.on('close', () => { out.end(); err.end(); });
  return Promise.all([text(out), text(err)]);
}

// tar makes an archive of one file.
function tar(name, content) {
  const head = Buffer.alloc(512), body = Buffer.from(content);
  head.write(name, 0);
  head.write('0000644\0', 100); head.write('0000000\0', 108); head.write('0000000\0', 116);
  head.write(body.length.toString(8).padStart(11, '0') + '\0', 124);
  head.write('00000000000\0', 136); head.write('        ', 148); head.write('0', 156); head.write('ustar\x0000', 257);
  head.write(head.reduce((a, b) => a + b, 0).toString(8).padStart(6, '0') + '\0 ', 148);
  return Buffer.concat([head, body, Buffer.alloc((512 - body.length % 512) % 512 + 1024)]);
}

const tests = {
  async 'ping, version, info and disk usage'() {
    assert.equal(String(await docker.ping()), 'OK');
    assert.equal((await docker.version()).Os, 'linux');
    assert.equal((await docker.info()).OSType, 'linux');
    assert.ok(Array.isArray((await docker.df()).Volumes));
  },

  async 'run shows the output and the exit code'() {
    const out = new PassThrough(), all = text(out);
    const [result, container] = await docker.run('alpine', ['sh', '-c', 'echo hi; exit 3'], out, { Tty: false, HostConfig: { NetworkMode: 'none' } });
    made.push(container);
    out.end();
    assert.equal(result.StatusCode, 3);
    assert.match(await all, /hi\n/);
  },

  async 'attach with input, both streams, half-close'() {
    const c = await create({ Cmd: ['sh', '-c', 'cat; echo bad >&2'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await c.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const got = demux(stream);
    await c.start();
    stream.end('from node\n');
    assert.deepEqual(await got, ['from node\n', 'bad\n']);
    assert.equal((await c.wait()).StatusCode, 0);
  },

  async 'a terminal, its size and its echo'() {
    const c = await create({ Cmd: ['sh'], Tty: true, OpenStdin: true });
    const stream = await c.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const got = text(stream);
    await c.start();
    await c.resize({ h: 33, w: 111 });
    stream.write('until [ "$(stty size)" = "33 111" ]; do sleep 0.05; done; echo si""zed\n');
    stream.write('exit 7\n');
    assert.match(await got, /sized\r\n/);
    assert.equal((await c.wait()).StatusCode, 7);
  },

  async 'logs: whole, followed, tail'() {
    const c = await create({ Cmd: ['sh', '-c', 'echo one; echo two >&2; sleep 0.1; echo three'] });
    await c.start();
    const followed = await demux(await c.logs({ follow: true, stdout: true, stderr: true }));
    assert.deepEqual(followed, ['one\nthree\n', 'two\n']);
    const whole = await c.logs({ stdout: true, stderr: true, tail: 1 });
    assert.match(String(whole), /three\n$/);
  },

  async 'exec: output, input, exit code, inspect'() {
    const c = await create({ Cmd: ['sleep', '1000'] });
    await c.start();
    const exec = await c.exec({ Cmd: ['sh', '-c', 'cat; echo $A; exit 5'], Env: ['A=b'], AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const got = demux(stream);
    stream.end('in\n');
    assert.deepEqual(await got, ['in\nb\n', '']);
    const state = await exec.inspect();
    assert.equal(state.ExitCode, 5);
    assert.equal(state.Running, false);
  },

  async 'archives go in and come out'() {
    const c = await create({ Cmd: ['true'] });
    await c.putArchive(Readable.from([tar('file', 'content')]), { path: '/tmp' });
    const stat = await c.infoArchive({ path: '/tmp/file' });
    const header = JSON.parse(Buffer.from(stat.headers['x-docker-container-path-stat'], 'base64'));
    assert.equal(header.size, 7);
    const got = await buffer(await c.getArchive({ path: '/tmp/file' }));
    assert.equal(got.subarray(512, 519).toString(), 'content');
    await assert.rejects(c.getArchive({ path: '/no/such' }), (e) => e.statusCode === 404 && /Could not find the file/.test(e.message));
  },

  async 'stats: one, and a stream'() {
    const c = await create({ Cmd: ['sleep', '1000'] });
    await c.start();
    const one = await c.stats({ stream: false });
    assert.ok(one.memory_stats && one.cpu_stats);
    const stream = await c.stats({ stream: true });
    const [chunk] = await once(stream, 'data');
    assert.ok(JSON.parse(String(chunk)).read);
    stream.destroy();
  },

  async 'the states, list, top, changes, rename'() {
    const c = await create({ Cmd: ['sh', '-c', 'touch /made; exec sleep 1000'], name: 'dockerode-life', Labels: { dockerode: 'yes' } });
    const state = async () => (await c.inspect()).State.Status;
    assert.equal(await state(), 'created');
    await c.start();
    await c.pause();
    assert.equal(await state(), 'paused');
    await c.unpause();
    while ((await c.top()).Processes.length < 1) await new Promise((done) => setTimeout(done, 10));
    for (;;) if ((await c.changes())?.some((x) => x.Path === '/made')) break;
    await c.rename({ name: 'dockerode-renamed' });
    const list = await docker.listContainers({ filters: { label: ['dockerode=yes'] } });
    assert.deepEqual(list.map((x) => x.Names), [['/dockerode-renamed']]);
    await c.update({ RestartPolicy: { Name: 'no' } });
    await c.restart({ t: 0 });
    await c.kill({ signal: 'SIGKILL' });
    assert.equal((await c.wait()).StatusCode, 137);
    await assert.rejects(c.kill(), (e) => e.statusCode === 409);
    await c.stop().catch((e) => assert.equal(e.statusCode, 304));
    await c.remove();
    await assert.rejects(c.inspect(), (e) => e.statusCode === 404);
  },

  async 'volumes'() {
    const v = await docker.createVolume({ Name: 'dockerode-volume', Labels: { a: 'b' } });
    assert.equal((await v.inspect()).Driver, 'local');
    const list = await docker.listVolumes({ filters: { label: ['a=b'], name: ['dockerode-volume'] } });
    assert.equal(list.Volumes.length, 1);
    const c = await create({ Cmd: ['true'], HostConfig: { NetworkMode: 'none', Binds: ['dockerode-volume:/v'] } });
    await assert.rejects(v.remove(), (e) => e.statusCode === 409);
    await c.remove();
    await v.remove();
  },

  async 'events, live and past'() {
    const since = Math.floor(Date.now() / 1000);
    const live = await docker.getEvents({ filters: { type: ['container'], event: ['create'], label: ['dockerode-events'] } });
    const seen = once(live, 'data');
    const c = await create({ Cmd: ['true'], Labels: { 'dockerode-events': '' } });
    const event = JSON.parse(String((await seen)[0]));
    assert.equal(event.Actor.ID, c.id);
    live.destroy();
    const past = await docker.getEvents({ since, until: since + 2, filters: { container: [c.id] } });
    assert.equal(JSON.parse((await text(past)).split('\n')[0]).Action, 'create');
  },

  async 'images: list, inspect, history, tag, pull, remove'() {
    const image = docker.getImage('alpine');
    assert.equal((await image.inspect()).Os, 'linux');
    assert.ok((await image.history()).length > 0);
    await image.tag({ repo: 'dockerode/tagged', tag: '1' });
    assert.equal((await docker.listImages({ filters: { reference: ['dockerode/tagged:1'] } })).length, 1);
    await docker.getImage('dockerode/tagged:1').remove();
    const progress = await docker.pull('alpine');
    await new Promise((done, failed) => docker.modem.followProgress(progress, (e) => (e ? failed(e) : done())));
    await assert.rejects(docker.getImage('ghost').inspect(), (e) => e.statusCode === 404);
  },

  async 'what is not there says so'() {
    await assert.rejects(docker.swarmInspect(), (e) => e.statusCode === 503);
    assert.deepEqual(await docker.listPlugins(), []);
    await assert.rejects(docker.createContainer({ Image: 'no-such-image' }), (e) => e.statusCode === 404);
    await assert.rejects(docker.createContainer({ Image: 'alpine', Cmd: 7 }), (e) => e.statusCode === 400);
  },

  async 'twenty at a time'() {
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const c = await create({ Cmd: ['echo', String(i)] });
      const stream = await c.attach({ stream: true, hijack: true, stdout: true, stderr: true });
      const got = demux(stream);
      await c.start();
      assert.deepEqual(await got, [i + '\n', '']);
      await c.wait();
      await c.remove({ force: true });
    }));
  },
};

let failed = 0;
for (const [name, run] of Object.entries(tests)) {
  try {
    await run();
  } catch (e) {
    failed++;
    console.error(`${name}: ${e.stack}`);
  }
}
await Promise.allSettled(made.map((c) => c.remove({ force: true, v: true })));
process.exit(failed ? 1 : 0);
