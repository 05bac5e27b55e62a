// A site's own script around @segment/analytics-next; `setup` and the client's standalone build come before it.
// It knows our server as its CDN and nothing more: where events go is what the settings there say.
window.tell = {
  ready: new Promise((resolve) => window.analytics.push(["ready", resolve])).then(() =>
    window.analytics.user().anonymousId(),
  ),
  page: (name) => void window.analytics.page(name),
  track: (name, properties) => void window.analytics.track(name, properties),
  identify: (user, traits) => void window.analytics.identify(user, traits),
};
window.analytics.push(["on", "error", (error) => console.error("client", error)]);
