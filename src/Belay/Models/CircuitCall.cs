namespace Belay.Models;

/// <summary>
/// One model call, all its attempts included, on its way through the circuit of its endpoint. The adapter knows endpoint and key and says
/// them; whoever makes the call says what became of it. One that ends without a word, because it was cut off, proves nothing: as a probe it
/// leaves the circuit open.
/// </summary>
public sealed class CircuitCall : IDisposable
{
    private readonly CircuitBreakers _breakers;
    private readonly string _account;
    private readonly IModel _model;
    private CircuitBreaker.Pass? _probe;
    private string? _id;
    private bool _over;

    internal CircuitCall(CircuitBreakers breakers, string account, IModel model) => (_breakers, _account, _model) = (breakers, account, model);

    /// <summary>Whether it is the one call that tries an endpoint again.</summary>
    public bool IsProbe => _probe is not null;

    /// <summary>Says where the call goes; the first attempt decides for those after it.</summary>
    /// <param name="endpoint">Where to.</param>
    /// <param name="key">With which key; null for none, or for the server's own.</param>
    /// <exception cref="ModelException">The endpoint is not asked now.</exception>
    public void Enter(Uri? endpoint, string? key)
    {
        if (_id is null)
        {
            var id = CircuitBreakers.IdOf(_account, endpoint, key, _model.ModelId);
            _probe = _breakers.Admit(id, _model);
            _id = id;
        }
    }

    /// <summary>It worked.</summary>
    public void End() => End(worked: true);

    /// <summary>It failed for good. What the provider refuses shows that it is there.</summary>
    public void End(ModelException failure) => End(worked: !failure.IsProviders);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_over)
        {
            _over = true;
            _probe?.End(worked: false);
        }
    }

    private void End(bool worked)
    {
        if (_over || _id is null)
        {
            return;
        }

        _over = true;
        _probe?.End(worked);
        if (worked)
        {
            _breakers.Work(_id);
        }
        else if (_probe is null)
        {
            _breakers.Fail(_id, _account, _model);
        }
    }
}
