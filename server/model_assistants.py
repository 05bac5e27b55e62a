"""Configured assistants of kind `openai` -> the assistants that ask their models, over one pool of connections."""

from engine.clock import Clock
from engine.conversations.assistant_tools import Offered
from engine.conversations.assistants import Assistant, AssistantTerms, assistant_of
from engine.conversations.model_assistant import ModelAssistant, ModelTerms
from engine.conversations.prompting import Setting
from engine.conversations.token_budget import TokenBudget
from engine.conversations.tool_calls import Counter
from engine.stores.base import Store
from server import workspace_settings
from server.config import Config
from server.model_client import ModelClient, ModelNetwork
from server.workspace_settings import Workspace


class ModelAssistants:
    """Makes the assistants of all workspaces."""

    def __init__(self, config: Config, store: Store, clock: Clock, counter: Counter) -> None:
        """Read how models are asked from `config`; carry their calls out at `counter`."""
        self._config = config
        self._store = store
        self._clock = clock
        self._counter = counter
        self._network = ModelNetwork()

    def make(self, terms: AssistantTerms) -> Assistant:
        """Make the assistant that a configuration asks for."""
        workspace = self._config.workspace(terms.workspace)
        own = None if workspace is None else workspace.assistant(terms.id)
        if workspace is None or own is None or own.kind != "openai":
            return assistant_of(terms)
        timeout_s = own.timeout / 1_000
        return ModelAssistant(
            terms,
            _model_terms(workspace, own),
            server=ModelClient(self._network, own.base_url, own.api_key, timeout_s),
            counter=self._counter,
            budget=TokenBudget(
                self._store, self._clock, workspace.id, own.id, per_day=own.tokens_per_day
            ),
        )

    async def close(self) -> None:
        """Close the connections to all models."""
        await self._network.close()


def _model_terms(workspace: Workspace, own: workspace_settings.Assistant) -> ModelTerms:
    offered = Offered(has_calendar=bool(workspace.calendars), teams=workspace.teams)
    return ModelTerms(
        model=own.model,
        setting=Setting(
            name=own.name,
            business=workspace.name,
            timezone=workspace.timezone,
            system_prompt=own.system_prompt,
            sites={site.source_id: site.name for site in workspace.sites},
            has_tools=offered.has_calendar or bool(offered.teams),
        ),
        temperature=own.temperature,
        max_tokens=own.max_tokens,
        earlier=own.history_messages,
        offered=offered,
    )
