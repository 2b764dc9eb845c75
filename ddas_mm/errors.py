"""The one error type for what a user can put right."""


class SettingError(ValueError):
    """A setting, file or data set is not usable.

    The message is one sentence that names the setting, the value found and
    what to do. The command line tools print it without a traceback.
    """
