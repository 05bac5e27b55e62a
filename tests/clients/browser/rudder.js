// A site's own script around @rudderstack/analytics-js; `setup` and the client's bundled build come before it.
const client = new window.rudderanalytics.RudderAnalytics();
window.client = client;
window.tell = {
  ready: new Promise((resolve) => client.ready(() => resolve(client.getAnonymousId()))),
  page: (name) => client.page(name),
  track: (name, properties) => client.track(name, properties),
  identify: (user, traits) => client.identify(user, traits),
};
client.load(setup.key, setup.address, { configUrl: setup.address, ...setup.options });
