// A site's own script around posthog-js; `setup` and the client's build without external scripts come before it.
window.tell = {
  ready: new Promise((resolve) => {
    window.posthog.init(setup.key, {
      api_host: setup.address,
      capture_pageview: false,
      // It drops what a browser without a head does; this one is ours.
      opt_out_useragent_filter: true,
      loaded: (client) => resolve(client.get_distinct_id()),
      ...setup.options,
    });
  }),
  page: () => window.posthog.capture("$pageview"),
  track: (name, properties) => window.posthog.capture(name, properties),
  identify: (user, traits) => window.posthog.identify(user, traits),
};
